"""A change that is followed live: its release's course, what its new instances write, and v1's answer last."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from yarl import URL

from libs.engine import Identity, InstanceSpec
from libs.keyspace.document import now
from libs.keyspace.records import App, Instance, Planned, Rollout
from libs.store import Store
from libs.store.shelf import Shelf
from services.controller import following, telling
from services.controller.api import routes
from tests.support.api import Api, Client, running_api
from tests.support.contract import canonical, operations, resolved, written, wrong_with
from tests.support.followed import FOLLOWING, followed
from tests.support.waiting import eventually

HEALTHCHECK: dict[str, Any] = {"healthcheck": {"cmd": {"livenessProbe": {"tcpSocket": {}}}}}


def stored_app(api: Api) -> App:
    app = api.controller.picture.apps.mirror.get("hello")
    assert app is not None
    return app


def rollout_of(api: Api, number: int) -> Rollout | None:
    return api.controller.picture.rollouts.mirror.get(stored_app(api).uuid, number)


async def rewrite(api: Api, number: int, **fields: Any) -> None:
    """Change the rollout's record as the deployer would."""
    rollout = await eventually(lambda: rollout_of(api, number))
    shelf = Shelf(api.store, api.controller.keyspace.rollouts)
    await api.controller.picture.rollouts.reach(
        await shelf.put(rollout.changed(**fields), stored_app(api).uuid, number)
    )


async def launch(api: Api, number: int, slot: int = 1) -> Planned:
    """Plan an instance, start it, and report it, as deployer, engine and publisher do."""
    app = stored_app(api)
    identity = Identity(f"new{number}x{slot}", "hello", app.uuid, "cmd", slot, number)
    planned = Planned(id=identity.id, name=identity.name, type="cmd", number=slot, planned=now())
    rollout = await eventually(lambda: rollout_of(api, number))
    await rewrite(api, number, planned=(*rollout.planned, planned))
    await api.engine.start(InstanceSpec(identity, api.engine.add_image("some").digest))
    report = Instance(
        id=identity.id,
        name=identity.name,
        node="n1",
        app="hello",
        app_uuid=app.uuid,
        type="cmd",
        number=slot,
        release=number,
        state="running",
        started=now(),
    )
    await Shelf(api.store, api.controller.keyspace.instances).put(report, "n1", "hello", identity.id)
    return planned


@pytest.fixture
async def slow(api: Api, built: str) -> str:
    """The app at v2, and a deployer that leaves builds of `slow` on their way."""
    api.deployer.slow.add("slow")
    return built


@pytest.mark.parametrize(
    ("path", "body", "status", "headers"),
    [
        ("/builds", {"image": "b"}, 201, True),
        ("/config", {"values": {"A": "1"}}, 201, True),
        ("/healthchecks", HEALTHCHECK, 201, True),
        ("/releases/rollback", {"version": 2}, 201, False),
        ("/scale", {"cmd": 2}, 204, False),
        ("/containers/restart", None, 200, False),
        ("/containers/cmd/1/restart", None, 200, False),
    ],
)
async def test_the_last_line_is_what_a_plain_client_gets(
    api: Api, admin: Client, built: str, *, path: str, body: Any, status: int, headers: bool
) -> None:
    async with followed(admin, built + path, body) as lines:
        assert lines.response.headers["X-Request-Id"]
        assert lines.response.headers["DEIS_API_VERSION"] == "1.7"
        *releases, result = await lines.rest()
    number = stored_app(api).release
    assert releases
    assert {(one["event"], one["version"]) for one in releases} == {("release", number)}
    assert (releases[-1]["phase"], releases[-1]["state"]) == ("done", "current")
    shown = (await admin("GET", f"{built}/releases/v{number}")).json
    assert releases[-1] == {"event": "release", **shown}
    plain = await admin("POST", built + path, body)
    assert (result["event"], result["status"], plain.status) == ("result", status, status)
    assert result["headers"] == ({"Deis-Release": str(number), "X-Deis-Release": str(number)} if headers else {})
    assert named(result["body"]) == named(plain.json)


def named(value: Any) -> Any:
    """The names of the fields, without what differs from one release to the next."""
    match value:
        case dict():
            return list(value)
        case list():
            return [named(one) for one in value]
    return value


async def test_a_change_without_a_build_is_one_release_line_and_its_answer(admin: Client, app: str) -> None:
    async with followed(admin, f"{app}/config", {"values": {"A": "1"}}) as lines:
        release, result = await lines.rest()
    assert (release["version"], release["phase"]) == (2, None)
    assert (result["status"], result["body"]["values"]) == (201, {"A": "1"})


async def test_an_apps_end_is_followed(admin: Client, built: str) -> None:
    async with followed(admin, built, method="DELETE") as lines:
        assert await lines.rest() == [{"event": "result", "status": 204, "headers": {}, "body": None}]


async def test_each_change_of_the_course_is_a_line_until_the_change_is_out(api: Api, admin: Client, slow: str) -> None:
    async with followed(admin, f"{slow}/builds", {"image": "slow"}) as lines:
        starting = await lines.until("release", phase="starting")
        assert (starting["version"], starting["waiting"]) == (3, "cmd.1 to pass its check")
        await rewrite(api, 3, phase="routing", waiting="router r1")
        await lines.until("release", phase="routing", waiting="router r1")
        await rewrite(api, 3, phase="done", waiting="")
        done, result = await lines.rest()
    assert (done["phase"], done["state"]) == ("done", "current")
    assert (result["status"], result["body"]["image"], result["headers"]["Deis-Release"]) == (201, "slow", "3")


async def test_a_failed_change_ends_with_its_status_and_words(api: Api, admin: Client, built: str) -> None:
    api.deployer.failing["bad"] = "no such image"
    async with followed(admin, f"{built}/builds", {"image": "bad"}) as lines:
        *_, failed, result = await lines.rest()
    assert (failed["phase"], failed["reason"]) == ("failed", "no such image")
    plain = await admin("POST", f"{built}/builds", {"image": "bad"})
    assert plain.status == 503
    assert result == {"event": "result", "status": 503, "headers": {}, "body": plain.json}


async def test_a_cancelled_change_ends_so_and_the_cancelling_is_followed_too(
    api: Api, admin: Client, slow: str
) -> None:
    async with followed(admin, f"{slow}/builds", {"image": "slow"}) as lines:
        await lines.until("release", phase="starting")
        async with followed(admin, f"{slow}/releases/cancel") as cancelling:
            *releases, result = await cancelling.rest()
        assert (result["status"], result["body"]) == (200, {"version": 3, "back_to": 2, "runs": True})
        assert {one["version"] for one in releases} == {2}
        told = await lines.until("result")
    assert (told["status"], told["body"]) == (409, {"detail": "v3 was cancelled by admin; v2 runs"})


async def test_a_superseded_release_leads_to_the_one_that_carries_its_change(
    api: Api, admin: Client, slow: str
) -> None:
    async with followed(admin, f"{slow}/builds", {"image": "slow"}) as lines:
        await lines.until("release", phase="starting")
        api.deployer.slow.clear()
        assert (await admin("POST", f"{slow}/config", {"values": {"A": "1"}})).status == 201
        *told, result = await lines.rest()
    assert (told[-1]["version"], told[-1]["phase"]) == (4, "done")
    assert (result["status"], result["headers"]["Deis-Release"]) == (201, "4")


@pytest.mark.parametrize(
    ("path", "body", "line"),
    [
        ("/builds", {}, "400 BAD REQUEST"),
        ("/config", {"values": {"1": 1}}, "400 BAD REQUEST"),
        ("/releases/rollback", {"version": 99}, "404 NOT FOUND"),
        ("/scale", {"nope": 1}, "400 BAD REQUEST"),
        ("/releases/cancel", None, "409 CONFLICT"),
        ("/scale", {}, "204 NO CONTENT"),
        ("/containers/nope/restart", None, "200 OK"),
    ],
)
async def test_what_writes_nothing_is_answered_plainly(
    admin: Client, built: str, path: str, body: Any, line: str
) -> None:
    answer = await admin("POST", built + path, body, headers=FOLLOWING)
    assert answer.line == line
    assert answer.headers.get("Content-Type", "application/json") == "application/json"


async def test_only_who_may_change_an_app_follows_its_change(api: Api, admin: Client, built: str) -> None:
    del admin
    stranger = await api.client.joined("stranger")
    body = {"values": {"A": "1"}}
    assert (await api.client("POST", f"{built}/config", body, headers=FOLLOWING)).line == "401 UNAUTHORIZED"
    assert (await stranger("POST", f"{built}/config", body, headers=FOLLOWING)).line == "403 FORBIDDEN"
    assert stored_app(api).release == 2


async def test_new_instances_are_heard_from_their_start(api: Api, admin: Client, slow: str) -> None:
    async with followed(admin, f"{slow}/builds", {"image": "slow"}) as lines:
        planned = await launch(api, 3)
        api.engine.say(planned.name, b"boot")
        api.engine.say(planned.name, b"ing\xff\n")
        api.engine.say(planned.name, b"oh\r\n", stream="stderr")
        first, second = await lines.until("log"), await lines.until("log")
        assert {name: first[name] for name in ("instance", "stream", "line")} == {
            "instance": "cmd.1",
            "stream": "stdout",
            "line": "booting\ufffd",
        }
        assert first["at"].endswith("Z")
        assert (second["stream"], second["line"]) == ("stderr", "oh")
        with api.engine.away():
            api.engine.say(planned.name, b"unheard at first\n")
        assert (await lines.until("log"))["line"] == "unheard at first"
        await rewrite(api, 3, phase="done")
        assert (await lines.until("result"))["status"] == 201


async def test_what_ran_before_a_restart_is_not_heard(api: Api, admin: Client, slow: str) -> None:
    await rewrite(api, 2, phase="starting")
    old = await launch(api, 2)
    await rewrite(api, 2, phase="done")
    api.deployer.holding = True
    async with followed(admin, f"{slow}/containers/restart") as lines:
        await lines.until("release")
        new = await launch(api, 2, slot=2)
        api.engine.say(old.name, b"old\n")
        api.engine.say(new.name, b"new\n")
        assert (await lines.until("log"))["line"] == "new"
        api.deployer.holding = False
        api.deployer.look()
        *_, result = await lines.rest()
    assert result["status"] == 200
    assert [one["line"] for one in lines.heard if one["event"] == "log"] == ["new"]


async def test_output_is_left_out_where_it_is_not_wanted(api: Api, admin: Client, slow: str) -> None:
    async with followed(admin, f"{slow}/builds?logs=false", {"image": "slow"}) as lines:
        planned = await launch(api, 3)
        api.engine.say(planned.name, b"unwanted\n")
        await rewrite(api, 3, phase="done")
        assert "log" not in {one["event"] for one in await lines.rest()}


async def test_a_flood_is_told_at_a_bounded_pace_and_its_losses_too(
    api: Api, admin: Client, slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "LINES_KEPT", 50)
    async with followed(admin, f"{slow}/builds", {"image": "slow"}) as lines:
        planned = await launch(api, 3)
        for number in range(1000):
            api.engine.say(planned.name, b"%d\n" % number)
        await lines.until("log", line="999")
        await rewrite(api, 3, phase="done")
        await lines.rest()
    numbers = [int(one["line"]) for one in lines.heard if one["event"] == "log"]
    lost = sum(one["lines"] for one in lines.heard if one["event"] == "lost")
    assert len(numbers) + lost == 1000
    assert lost > 0
    assert numbers == sorted(numbers)


async def test_a_quiet_change_sends_empty_lines(
    api: Api, admin: Client, slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "HEARTBEAT", 0.01)
    async with followed(admin, f"{slow}/builds", {"image": "slow"}) as lines:
        await lines.until("release", phase="starting")
        assert await lines.text() == "\n"
        await rewrite(api, 3, phase="done")
        assert (await lines.until("result"))["status"] == 201


async def test_a_controller_that_ends_says_that_the_change_goes_on(api: Api, admin: Client, slow: str) -> None:
    async with followed(admin, f"{slow}/builds", {"image": "slow"}) as lines:
        await lines.until("release", phase="starting")
        api.controller.settling.stop()
        result = await lines.until("result")
    assert (result["status"], result["headers"]) == (503, {"Retry-After": "1"})
    assert result["body"]["detail"] == "The controller restarts; release v3 of hello goes on."


async def test_a_follower_that_leaves_ends_nothing_but_its_own_lines(
    api: Api, admin: Client, slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "HEARTBEAT", 0.01)
    async with followed(admin, f"{slow}/builds", {"image": "slow"}) as lines:
        await lines.until("release", phase="starting")
        assert len(api.controller.followers) == 1
    await eventually(lambda: len(api.controller.followers) == 0)
    await rewrite(api, 3, phase="routing")
    assert stored_app(api).release == 3
    await rewrite(api, 3, phase="done")
    assert (await admin("GET", f"{slow}/releases/v3")).json["state"] == "current"


async def test_a_follower_that_reads_nothing_is_cut_off(
    api: Api, admin: Client, slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PATIENCE", 0.05)
    url = URL(admin.url)
    body = json.dumps({"image": "slow"})
    head = f"Host: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    head += f"Authorization: token {admin.token}\r\nAccept: application/x-ndjson\r\n"
    with socket.socket() as reader, capture_logs() as said:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect((url.host, url.port))
        reader.sendall(f"POST {slow}/builds HTTP/1.1\r\n{head}\r\n{body}".encode())
        await eventually(lambda: rollout_of(api, 3))

        async def cut_off() -> bool:
            revision = api.controller.picture.rollouts.mirror.revision
            await rewrite(api, 3, last_lines=(str(revision), "x" * 1_000_000))
            return any(line["event"].startswith("cut off a reader") for line in said)

        await eventually(cut_off)
    await eventually(lambda: len(api.controller.followers) == 0)
    rollout = rollout_of(api, 3)
    assert rollout is not None
    assert rollout.phase == "starting"


async def test_followers_beyond_the_most_are_refused_before_anything_is_written(store: Store, tmp_path: Path) -> None:
    async with running_api(store, tmp_path, controller_most_followers=1) as api:
        admin = await api.client.joined("admin")
        await admin("POST", "/v1/apps", {"id": "hello"})
        api.deployer.slow.add("slow")
        async with followed(admin, "/v1/apps/hello/builds", {"image": "slow"}) as lines:
            await lines.until("release", phase="starting")
            body = {"values": {"A": "1"}}
            refused = await admin("POST", "/v1/apps/hello/config", body, headers=FOLLOWING)
            assert (refused.line, refused.headers["Retry-After"]) == ("429 TOO MANY REQUESTS", "5")
            assert refused.json["detail"].startswith("This controller is followed by 1 clients already")
            assert (await admin("GET", "/v1/apps/hello/releases/v2", headers=FOLLOWING)).status == 429
            assert stored_app(api).release == 2
            await rewrite(api, 2, phase="done")
            await lines.until("result")
        api.deployer.slow.clear()
        assert (await admin("POST", "/v1/apps/hello/config", body, headers=FOLLOWING)).status == 200


async def test_the_contract_tells_what_can_be_followed_and_how_its_lines_look(
    api: Api, admin: Client, slow: str
) -> None:
    contract = operations(written())
    told = {
        key
        for key, operation in contract.items()
        if any(
            "application/x-ndjson" in resolved(written(), one).get("content", {})
            for one in operation["responses"].values()
        )
    }
    assert told == {(route.method, canonical(route)) for route in routes(api.controller) if route.followed}
    assert all("429" in contract[key]["responses"] for key in told)
    async with followed(admin, f"{slow}/builds", {"image": "slow"}) as lines:
        planned = await launch(api, 3)
        for number in range(telling.LINES_KEPT * 2):
            api.engine.say(planned.name, b"%d\n" % number)
        await rewrite(api, 3, phase="done")
        await lines.rest()
    assert {one["event"] for one in lines.heard} == {"release", "log", "lost", "result"}
    for line in lines.heard:
        assert wrong_with(written(), {"$ref": "#/components/schemas/FollowedLine"}, line) == []


async def test_a_change_is_followed_at_a_controller_that_does_not_lead(
    store: Store, tmp_path: Path, api: Api, admin: Client, slow: str
) -> None:
    """It all comes from the store's mirrors and the engine."""
    async with running_api(store, tmp_path) as other:
        other.deployer.holding = True
        async with followed(other.client.with_token(admin.token), f"{slow}/builds", {"image": "slow"}) as lines:
            await lines.until("release", phase="starting")
            await rewrite(api, 3, phase="done")
            *_, release, result = await lines.rest()
    assert (release["phase"], result["status"]) == ("done", 201)
