"""One-off runs."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from libs.engine import EngineUnavailable, Instance, InstanceRefused
from libs.keyspace.document import now
from libs.keyspace.records import LogEnd
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from services.controller.run_output import MOST
from services.controller.run_spec import SHELL, WRAPPER
from services.publisher.census import as_record
from tests.support.api import Answer, Api, Client, running_api
from tests.support.waiting import eventually

COMMAND = "rake db:migrate 'a b' \"$HOME\""


@pytest.fixture
async def built(api: Api, admin: Client, app: str) -> str:
    """An app with a build of an image that the engine has, at v2."""
    api.engine.add_image("acme/hello:1")
    assert (await admin("POST", f"{app}/builds", {"image": "acme/hello:1"})).status == 201
    return app


async def runs(api: Api) -> list[Instance]:
    return [one for one in (await api.engine.instances()).instances if one.once]


async def under_way(api: Api, number: int = 1) -> Instance:
    def look() -> Instance | None:
        rows = api.engine.host.rows.values()
        found = (r.instance for r in rows if r.instance.once and r.instance.identity.number == number)
        return next((one for one in found if one.state == "running"), None)

    return await eventually(look, what=f"run.{number} runs")


async def read(api: Api, run: Instance) -> None:
    """The log agent has read it to its end."""
    await Shelf(api.store, api.controller.keyspace.log_ends).put(LogEnd(at=now()), "n1", "hello", run.identity.id)


async def told(client: Client, app: str) -> list[str]:
    events = (await client("GET", f"{app}/events")).json["results"]
    return [one["message"] for one in reversed(events) if one["kind"] == "run"]


async def ended(api: Api, client: Client, app: str, *, code: int, said: bytes = b"", reason: str = "") -> Answer:
    """The answer to a run that writes this and exits so."""
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(client("POST", f"{app}/run", {"command": COMMAND}))
        run = await under_way(api)
        if said:
            api.engine.say(run.name, said)
        api.engine.kill(run.name, code=code, reason=reason)
    await read(api, run)
    return asked.result()


@pytest.mark.parametrize("code", [0, 1, 3, 137, 255])
async def test_it_answers_the_commands_own_exit_code_and_output(api: Api, admin: Client, built: str, code: int) -> None:
    answer = await ended(api, admin, built, code=code, said="grün\n".encode())
    assert (answer.line, answer.json) == ("200 OK", [code, "grün\n"])


async def test_the_container_is_removed_once_the_log_agent_has_read_it(api: Api, admin: Client, built: str) -> None:
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(admin("POST", f"{built}/run", {"command": "true"}))
        run = await under_way(api)
        api.engine.kill(run.name, code=0)
    assert asked.result().json == [0, ""]
    assert [one.state for one in await runs(api)] == ["exited"]
    await read(api, run)
    await eventually(lambda: not api.engine.host.rows)


async def test_it_runs_the_wanted_release_with_its_config_and_limits(api: Api, admin: Client, built: str) -> None:
    body = {"values": {"GREETING": "hi"}, "memory": {"run": "64M"}, "cpu": {"run": 512}}
    assert (await admin("POST", f"{built}/config", body)).status == 201
    async with asyncio.TaskGroup() as group:
        group.create_task(admin("POST", f"{built}/run", {"command": COMMAND}))
        run = await under_way(api)
        spec = api.engine.host.rows[run.name].spec
        api.engine.kill(run.name, code=0)
    assert (spec.identity.type, spec.identity.number, spec.identity.release) == ("run", 1, 3)
    assert (spec.once, spec.port, spec.checks) == (True, None, "")
    assert spec.command == (SHELL, "-c", WRAPPER, "deis", COMMAND)
    assert spec.entrypoint == ()
    assert spec.environment == {"GREETING": "hi"}
    assert (spec.limits.memory, spec.limits.cpu_shares) == (64 << 20, 512)
    assert spec.until is not None


async def test_its_image_is_the_digest_that_the_rollout_resolved(api: Api, admin: Client, built: str) -> None:
    shelf = Shelf(api.store, api.controller.keyspace.rollouts)
    (filed,) = [one for one in await shelf.list() if one.document.release == 2]
    pinned = api.engine.add_image("acme/hello:old", digest="sha256:0123").digest
    revision = await shelf.put(filed.document.changed(image=pinned), *filed.parts)
    await api.controller.picture.rollouts.reach(revision)
    async with asyncio.TaskGroup() as group:
        group.create_task(admin("POST", f"{built}/run", {"command": "true"}))
        run = await under_way(api)
        api.engine.kill(run.name, code=0)
    assert run.image == pinned


async def test_several_at_once_have_numbers_of_their_own(api: Api, admin: Client, built: str) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(admin("POST", f"{built}/run", {"command": "true"}))
        for number in (1, 2, 3):
            await under_way(api, number)
        for run in await runs(api):
            api.engine.kill(run.name, code=0)
    for run in await runs(api):
        await read(api, run)


async def test_of_one_app_only_so_many_run_at_once(
    api: Api, admin: Client, built: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.controller.running.MOST_AT_ONCE", 2)
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(admin("POST", f"{built}/run", {"command": "true"})) for _ in range(3)]
        await under_way(api, 2)
        await eventually(lambda: any(one.done() for one in asked))
        assert len(await runs(api)) == 2
        for run in await runs(api):
            api.engine.kill(run.name, code=0)
    assert sorted(one.result().status for one in asked) == [200, 200, 503]


async def test_its_command_and_its_end_are_events_of_the_app(api: Api, admin: Client, built: str) -> None:
    await ended(api, admin, built, code=3)
    begun, over = await told(admin, built)
    assert begun == f"admin runs '{COMMAND}' as run.1"
    assert over == "run.1 ended with exit code 3"


async def test_memory_that_was_exceeded_is_said_in_the_output(api: Api, admin: Client, built: str) -> None:
    answer = await ended(api, admin, built, code=137, said=b"so far", reason="out of memory")
    assert answer.json == [137, "so far\n[deis: a process of run.1 was killed: out of memory]\n"]


async def test_without_a_build_there_is_nothing_to_run(admin: Client, app: str) -> None:
    answer = await admin("POST", f"{app}/run", {"command": "true"})
    assert answer.line == "400 BAD REQUEST"
    assert answer.json == {"detail": "No build associated with this release to run this command"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "This field is required."),
        ({"command": None}, "This field may not be null."),
        ({"command": "  "}, "This field may not be blank."),
        ({"command": ["ls"]}, "Not a valid string."),
        ({"command": "a\0b"}, "Null characters are not allowed."),
        ({"command": "x" * 30001}, "Ensure this field has no more than 30000 characters."),
    ],
)
async def test_a_command_that_is_none_is_refused(
    api: Api, admin: Client, built: str, body: dict[str, Any], said: str
) -> None:
    answer = await admin("POST", f"{built}/run", body)
    assert (answer.line, answer.json) == ("400 BAD REQUEST", {"command": [said]})
    assert api.engine.host.rows == {}


async def test_an_image_without_a_shell_is_told(api: Api, admin: Client, built: str) -> None:
    words = 'OCI runtime create failed: exec: "/bin/sh": stat /bin/sh: no such file or directory: unknown'
    api.engine.fail_with("start", InstanceRefused("x", words))
    answer = await admin("POST", f"{built}/run", {"command": "true"})
    assert answer.line == "400 BAD REQUEST"
    assert answer.json["detail"].startswith("The image has no shell (/bin/sh), and a command needs one to be run: OCI")


async def test_what_is_missing_of_a_long_output_is_told_in_a_header_too(api: Api, admin: Client, built: str) -> None:
    answer = await ended(api, admin, built, code=0, said=b"x" * 99 + b"\n")
    assert "Deis-Run-Left-Out" not in answer.headers
    answer = await ended(api, admin, built, code=0, said=b"y" * MOST + b"the end\n")
    assert answer.headers["Deis-Run-Left-Out"] == "8"
    code, output = answer.json
    first, _, rest = output.partition("\n")
    assert (code, first) == (0, "[deis: the first 8 bytes of the output were left out]")
    assert rest == "y" * (MOST - 8) + "the end\n"


async def test_an_image_that_cannot_be_had_is_told(api: Api, admin: Client, built: str) -> None:
    api.engine.host.images.clear()
    answer = await admin("POST", f"{built}/run", {"command": "true"})
    assert answer.line == "503 SERVICE UNAVAILABLE"
    assert "No such image" in answer.json["detail"]
    assert (await told(admin, built))[-1].startswith("run.1 failed: It cannot be run: image acme/hello:1")


async def test_while_the_engine_is_away_nothing_is_run(api: Api, admin: Client, built: str) -> None:
    with api.engine.away():
        answer = await admin("POST", f"{built}/run", {"command": "true"})
    assert answer.line == "503 SERVICE UNAVAILABLE"
    assert "nothing was run" in answer.json["detail"]


async def test_a_start_that_nobody_answered_is_no_success_and_leaves_nothing(
    api: Api, admin: Client, built: str
) -> None:
    api.engine.fail_with("start", EngineUnavailable("broken pipe"))
    answer = await admin("POST", f"{built}/run", {"command": "true"})
    assert answer.line == "503 SERVICE UNAVAILABLE"
    assert "nobody knows whether it ran" in answer.json["detail"]
    assert api.engine.host.rows == {}


async def test_an_engine_that_goes_away_meanwhile_is_waited_for(api: Api, admin: Client, built: str) -> None:
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(admin("POST", f"{built}/run", {"command": "true"}))
        run = await under_way(api)
        with api.engine.away():
            api.engine.kill(run.name, code=5)
    assert asked.result().json == [5, ""]


async def test_one_that_somebody_removed_is_no_success(api: Api, admin: Client, built: str) -> None:
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(admin("POST", f"{built}/run", {"command": "true"}))
        api.engine.vanish((await under_way(api)).name)
    answer = asked.result()
    assert answer.line == "503 SERVICE UNAVAILABLE"
    assert answer.json["detail"].endswith("nobody knows how it ended")


async def test_one_whose_end_the_engine_did_not_see_is_no_success(api: Api, admin: Client, built: str) -> None:
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(admin("POST", f"{built}/run", {"command": "true"}))
        row = api.engine.host.rows[(await under_way(api)).name]
        row.instance = replace(row.instance, state="exited", exit_code=0, finished=None)
        api.engine.host.wake()
    assert asked.result().line == "503 SERVICE UNAVAILABLE"


async def test_output_that_cannot_be_read_is_no_success(
    api: Api, admin: Client, built: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.controller.one_off.READ_SECONDS", 0.05)
    api.engine.fail_with("logs", EngineUnavailable("broken pipe"))
    answer = await ended(api, admin, built, code=0)
    assert answer.line == "503 SERVICE UNAVAILABLE"
    assert answer.json["detail"].startswith("It ended with exit code 0, but its output could not be read")


async def test_who_hangs_up_does_not_end_it(api: Api, admin: Client, built: str) -> None:
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(admin("POST", f"{built}/run", {"command": "true"}))
        run = await under_way(api)
        asked.cancel()
        with suppress(asyncio.CancelledError):
            await asked
    assert [one.state for one in await runs(api)] == ["running"]
    api.engine.kill(run.name, code=4)
    await eventually(lambda: told_end(admin, built))
    await read(api, run)
    await eventually(lambda: not api.engine.host.rows)


async def told_end(client: Client, app: str) -> bool:
    return (await told(client, app))[-1] == "run.1 ended with exit code 4"


async def test_one_that_takes_too_long_is_stopped_and_removed(store: MemoryStore, tmp_path: Path) -> None:
    async with running_api(store, tmp_path, controller_wait_seconds=0.5) as api:
        api.engine.add_image("acme/hello:1")
        admin = await api.client.joined("admin")
        await admin("POST", "/v1/apps", {"id": "hello"})
        await admin("POST", "/v1/apps/hello/builds", {"image": "acme/hello:1"})
        answer = await admin("POST", "/v1/apps/hello/run", {"command": "sleep 1000"})
        assert answer.line == "503 SERVICE UNAVAILABLE"
        words = "run.1 did not end within 0.5 seconds and was stopped; its output is in the app's log."
        assert answer.json == {"detail": words}
        (run,) = await runs(api)
        await read(api, run)
        await eventually(lambda: not api.engine.host.rows)


async def test_a_controller_that_stops_says_that_the_run_goes_on(store: MemoryStore, tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as group:
        async with running_api(store, tmp_path) as api:
            api.engine.add_image("acme/hello:1")
            admin = await api.client.joined("admin")
            await admin("POST", "/v1/apps", {"id": "hello"})
            await admin("POST", "/v1/apps/hello/builds", {"image": "acme/hello:1"})
            order = group.create_task(outcome_of(api))
            await under_way(api)
        found = await order
        assert found == "The controller restarts; run.1 of hello goes on to its end, see its log."
        assert [one.state for one in await runs(api)] == ["running"]


async def outcome_of(api: Api) -> str:
    app = api.controller.picture.apps.mirror.get("hello")
    assert app is not None
    try:
        ran = await api.controller.running.run(app, "admin", "true")
    except Exception as error:  # noqa: BLE001 - what it says is what is asked
        return str(error)
    return repr(ran)


async def test_an_app_that_is_destroyed_meanwhile_has_no_success(api: Api, admin: Client, built: str) -> None:
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(admin("POST", f"{built}/run", {"command": "true"}))
        run = await under_way(api)
        assert (await admin("DELETE", built)).status == 204
        api.engine.kill(run.name, code=0)
    assert asked.result().json == {"detail": "hello is being destroyed, and run.1 with it."}


async def test_runs_are_containers_only_where_their_type_is_asked_for(api: Api, admin: Client, built: str) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(admin("POST", f"{built}/run", {"command": "true"}))
        run = await under_way(api)
        await publish(api, run)
        shown = await eventually(lambda: listed(admin, f"{built}/containers/run"))
        assert shown == ["run.1 up v2"]
        assert await listed(admin, f"{built}/containers") == ["cmd.1 up v2"]
        assert (await admin("POST", f"{built}/containers/run/restart")).json == []
        api.engine.kill(run.name, code=0)


async def listed(client: Client, path: str) -> list[str]:
    found = (await client("GET", path)).json["results"]
    return [f"{one['type']}.{one['num']} {one['state']} {one['release']}" for one in found]


async def publish(api: Api, run: Instance) -> None:
    """As the publisher of its node does."""
    record = as_record(run, "n1")
    await Shelf(api.store, api.controller.keyspace.instances).put(record, "n1", record.app, record.id)
