"""The API and the deployer together, over a store and an engine in memory: what one writes the other acts on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from libs.engine import Identity, Instance, InstanceSpec
from libs.keyspace.document import now
from libs.keyspace.records import Checks
from tests.support.api import Answer
from tests.support.deployer.whole import APP, Whole, a_whole
from tests.support.waiting import eventually

PROBES: dict[str, Any] = {"cmd": {"readinessProbe": {"httpGet": {"path": "/up"}}, "livenessProbe": {"tcpSocket": {}}}}


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Whole]:
    async with a_whole(tmp_path) as whole:
        yield whole


@pytest.fixture
async def running(whole: Whole) -> Whole:
    """The same with v2 out."""
    assert (await whole.ann("POST", f"{APP}/builds", {"image": "shop"})).status == 201
    return whole


def only(release: int) -> Callable[[Instance], bool]:
    return lambda instance: instance.identity.release == release


async def cancelled(whole: Whole, number: int, asked: asyncio.Task[Answer]) -> tuple[Answer, Answer]:
    """Cancel this release once it waits for its check; the answers to that and to the deploy."""
    await eventually(lambda: (found := whole.rollout(number)) is not None and "to pass its check" in found.waiting)
    answer = await whole.ann("POST", f"{APP}/releases/cancel")
    return answer, await asked


async def test_probes_are_what_instances_are_started_with(running: Whole) -> None:
    answer = await running.ann("POST", f"{APP}/healthchecks", {"healthcheck": PROBES})
    assert (answer.status, answer.json["release"]) == (201, "v3")
    (instance,) = [i for i in (await running.engine.instances()).instances if i.identity.release == 3]
    checks = Checks.model_validate_json(instance.checks)
    assert checks.readiness is not None
    assert checks.readiness.http is not None
    assert (checks.readiness.http.path, checks.liveness is not None) == ("/up", True)


async def test_a_cancelled_change_leaves_what_ran(running: Whole) -> None:
    running.agents.passes = only(2)
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(running.ann("POST", f"{APP}/healthchecks", {"healthcheck": PROBES}))
        answer, deploy = await cancelled(running, 3, asked)
    assert (answer.line, answer.json) == ("200 OK", {"version": 3, "back_to": 2, "runs": True})
    assert (deploy.line, deploy.json) == ("409 CONFLICT", {"detail": "v3 was cancelled by ann; v2 runs"})
    assert await running.up() == ["v2 cmd.1"]
    assert (await running.ann("GET", f"{APP}/healthchecks")).json["healthcheck"] == {}
    assert (await running.told()).count("v3 was cancelled by ann; v2 is wanted again") == 1
    listed = (await running.ann("GET", f"{APP}/releases")).json["results"]
    assert [one["state"] for one in listed] == ["cancelled", "current", ""]


async def test_a_cancelled_first_deploy_leaves_nothing_running(whole: Whole) -> None:
    whole.agents.passes = lambda _: False
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(whole.ann("POST", f"{APP}/builds", {"image": "shop"}))
        answer, deploy = await cancelled(whole, 2, asked)
    assert answer.json == {"version": 2, "back_to": 1, "runs": False}
    assert deploy.json == {"detail": "v2 was cancelled by ann; nothing runs"}
    assert await whole.up() == []
    whole.agents.passes = lambda _: True
    assert (await whole.ann("POST", f"{APP}/builds", {"image": "shop"})).headers["Deis-Release"] == "3"


async def test_settings_begin_no_rollout_and_disturb_none(running: Whole) -> None:
    before = running.rollout(2)
    assert before is not None
    await running.ann("POST", f"{APP}/settings", {"settings": {"drain_seconds": 1}})
    await eventually(lambda: (found := running.rollout(2)) is not None and found.intent > before.intent)
    assert running.rollout(2) == before.changed(intent=getattr(running.rollout(2), "intent", 0))
    running.agents.passes = only(2)
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(running.ann("POST", f"{APP}/config", {"values": {"A": "1"}}))
        await eventually(lambda: (found := running.rollout(3)) is not None and "to pass its check" in found.waiting)
        under_way = running.rollout(3)
        assert under_way is not None
        await running.ann("POST", f"{APP}/settings", {"settings": {"parallel": 1}})
        await eventually(lambda: (found := running.rollout(3)) is not None and found.intent > under_way.intent)
        still = running.rollout(3)
        assert still is not None
        assert (still.phase, still.since, still.asked) == ("starting", under_way.since, under_way.asked)
        running.agents.passes = lambda _: True
    assert asked.result().status == 201


async def test_settings_do_not_try_again_what_failed(whole: Whole) -> None:
    answer = await whole.ann("POST", f"{APP}/builds", {"image": "nowhere"})
    assert answer.line == "503 SERVICE UNAVAILABLE"
    before = whole.rollout(2)
    assert before is not None
    await whole.ann("POST", f"{APP}/settings", {"settings": {"drain_seconds": 1}})
    await eventually(lambda: (found := whole.rollout(2)) is not None and found.intent > before.intent)
    after = whole.rollout(2)
    assert after is not None
    assert (after.phase, after.reason) == ("failed", before.reason)
    assert sum("v2 failed" in message for message in await whole.told()) == 1


async def test_a_rollout_is_followed_to_its_end(running: Whole) -> None:
    running.agents.passes = only(2)
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(running.ann("POST", f"{APP}/config", {"values": {"A": "1"}}))
        await eventually(lambda: (found := running.rollout(3)) is not None and found.phase == "starting")
        following = group.create_task(
            running.ann("GET", f"{APP}/releases/v3", headers={"Accept": "application/x-ndjson"})
        )
        await eventually(lambda: len(running.controller.followers) == 1, what="the rollout is followed")
        running.agents.passes = lambda _: True
    assert asked.result().status == 201
    lines = [json.loads(line) for line in following.result().text.splitlines() if line]
    assert (lines[0]["phase"], lines[0]["state"]) == ("starting", "rolling")
    assert (lines[-1]["phase"], lines[-1]["state"]) == ("done", "current")
    came = [one for one in lines[-1]["instances"] if one["release"] == 3]
    assert all(one["planned"] <= one["started"] <= one["ready"] <= one["routed"] for one in came)
    assert len(came) == 1


async def begun(whole: Whole, number: int = 1) -> Instance:
    """The one-off run of this number, once it runs."""

    def look() -> Instance | None:
        rows = (row.instance for row in whole.engine.host.rows.values())
        return next((i for i in rows if i.once and i.identity.number == number and i.state == "running"), None)

    return await eventually(look, what=f"run.{number} runs")


async def none_left(whole: Whole) -> None:
    await eventually(lambda: not [row for row in whole.engine.host.rows.values() if row.spec.once])


async def test_a_run_goes_on_beside_deploys_scales_and_restarts_and_none_of_them_counts_it(running: Whole) -> None:
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(running.ann("POST", f"{APP}/run", {"command": "migrate"}))
        run = await begun(running)
        assert (await running.ann("POST", f"{APP}/config", {"values": {"A": "1"}})).status == 201
        assert (await running.ann("POST", f"{APP}/scale", {"cmd": 3})).status == 204
        assert (await running.ann("POST", f"{APP}/containers/restart")).status == 200
        assert (await running.ann("POST", f"{APP}/builds", {"image": "shop"})).status == 201
        listed = (await running.ann("GET", f"{APP}/containers")).json["results"]
        assert [(one["type"], one["num"], one["release"]) for one in listed] == [("cmd", n, "v4") for n in (1, 2, 3)]
        await eventually(lambda: alone(running, "v2 run.1", "v4 cmd.1", "v4 cmd.2", "v4 cmd.3"))
        assert (await running.ann("POST", f"{APP}/scale", {"cmd": 0})).status == 204
        await eventually(lambda: alone(running, "v2 run.1"))
        running.engine.kill(run.name, code=3)
    assert asked.result().json == [3, ""]
    await none_left(running)


async def alone(whole: Whole, *names: str) -> bool:
    return await whole.up() == list(names)


async def test_an_app_that_crashes_or_runs_nothing_can_still_be_looked_into(whole: Whole) -> None:
    whole.engine.add_image("broken", ports=(8080,), behaviour="crash")
    assert (await whole.ann("POST", f"{APP}/builds", {"image": "broken"})).status == 503
    whole.engine.host.behaviours.clear()
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(whole.ann("POST", f"{APP}/run", {"command": "env"}))
        run = await begun(whole)
        whole.engine.kill(run.name, code=0)
    assert asked.result().json == [0, ""]
    assert run.identity.release == 2
    await none_left(whole)


async def test_a_run_of_a_release_on_its_way_is_no_readiness_of_it(running: Whole) -> None:
    running.agents.passes = only(2)
    async with asyncio.TaskGroup() as group:
        deploy = group.create_task(running.ann("POST", f"{APP}/config", {"values": {"A": "1"}}))
        await eventually(lambda: (found := running.rollout(3)) is not None and "to pass its check" in found.waiting)
        asked = group.create_task(running.ann("POST", f"{APP}/run", {"command": "env"}))
        run = await begun(running)
        answer = await running.ann("POST", f"{APP}/releases/cancel")
        assert answer.json == {"version": 3, "back_to": 2, "runs": True}
        running.engine.kill(run.name, code=0)
    assert run.identity.release == 3
    assert deploy.result().status == 409
    assert asked.result().json == [0, ""]
    await none_left(running)


async def test_destroying_an_app_ends_its_runs_first(running: Whole) -> None:
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(running.ann("POST", f"{APP}/run", {"command": "sleep 1000"}))
        await begun(running)
        assert (await running.ann("DELETE", APP)).status == 204
        assert running.engine.host.rows == {}
    assert asked.result().line == "503 SERVICE UNAVAILABLE"


async def test_what_a_controller_that_died_left_behind_ends_and_is_told(running: Whole) -> None:
    app = running.controller.picture.apps.mirror.get("shop")
    assert app is not None
    image = (await running.engine.resolve("shop")).digest
    late, over = (Identity(id_, "shop", app.uuid, "run", n, 2) for n, id_ in ((1, "late"), (2, "over")))
    await running.engine.start(InstanceSpec(late, image, once=True, until=now()))
    await running.engine.start(InstanceSpec(over, image, once=True, until=now() + timedelta(hours=1)))
    running.engine.kill(over.name, code=7)
    await none_left(running)
    told = await running.told()
    assert "run.1 ran for longer than it may and was stopped" in told
    assert "run.2 ended with exit code 7; whoever waited for it was gone" in told
    assert await running.up() == ["v2 cmd.1"]


async def test_what_the_builder_built_is_asked_for_by_its_source(whole: Whole) -> None:
    whole.engine.add_image("shop-web:git-abc1234", ports=(8080,))
    body = {"image": "shop-web", "sha": "abc1234", "procfile": {"web": "serve"}}
    assert (await whole.ann("POST", f"{APP}/builds", body)).status == 201
    assert await whole.up() == ["v2 web.1"]
    assert (await whole.ann("GET", f"{APP}/builds")).json["results"][0]["image"] == "shop-web"


async def test_an_app_that_is_scaled_to_nothing_takes_changes(running: Whole) -> None:
    assert (await running.ann("POST", f"{APP}/scale", {"cmd": 0})).status == 204
    assert await running.up() == []
    assert (await running.ann("POST", f"{APP}/config", {"values": {"A": "1"}})).headers["Deis-Release"] == "3"
    assert await running.up() == []
    assert (await running.ann("POST", f"{APP}/scale", {"cmd": 1})).status == 204
    assert await running.up() == ["v3 cmd.1"]


async def test_an_app_that_never_came_up_is_mended_one_value_at_a_time(whole: Whole) -> None:
    whole.agents.passes = lambda _: False
    settings = {"settings": {"startup_limit_seconds": 1}}
    assert (await whole.ann("POST", f"{APP}/settings", settings)).status == 201
    assert (await whole.ann("POST", f"{APP}/builds", {"image": "shop"})).line == "503 SERVICE UNAVAILABLE"
    assert (await whole.ann("POST", f"{APP}/config", {"values": {"A": "1"}})).line == "503 SERVICE UNAVAILABLE"
    assert (await whole.ann("GET", f"{APP}/config")).json["values"] == {"A": "1"}
    whole.agents.passes = lambda _: True
    answer = await whole.ann("POST", f"{APP}/config", {"values": {"B": "2"}})
    assert (answer.status, answer.headers["Deis-Release"]) == (201, "4")
    assert answer.json["values"] == {"A": "1", "B": "2", "DEIS_APP": "shop", "DEIS_RELEASE": "v4"}
    assert await whole.up() == ["v4 cmd.1"]


async def test_a_scale_while_a_deploy_is_under_way_is_part_of_it(running: Whole) -> None:
    running.agents.passes = only(2)
    async with asyncio.TaskGroup() as group:
        deploy = group.create_task(running.ann("POST", f"{APP}/config", {"values": {"A": "1"}}))
        await eventually(lambda: (found := running.rollout(3)) is not None and "to pass its check" in found.waiting)
        scale = group.create_task(running.ann("POST", f"{APP}/scale", {"cmd": 3}))
        await eventually(lambda: (found := running.rollout(3)) is not None and len(found.planned) >= 3)
        assert "v2 cmd.1" in await running.up()
        running.agents.passes = lambda _: True
    assert (deploy.result().line, scale.result().line) == ("201 CREATED", "204 NO CONTENT")
    await eventually(lambda: alone(running, "v3 cmd.1", "v3 cmd.2", "v3 cmd.3"))


async def test_a_scale_while_a_deploy_is_cancelled_scales_what_goes_on(running: Whole) -> None:
    running.agents.passes = only(2)
    async with asyncio.TaskGroup() as group:
        deploy = group.create_task(running.ann("POST", f"{APP}/config", {"values": {"A": "1"}}))
        await eventually(lambda: (found := running.rollout(3)) is not None and "to pass its check" in found.waiting)
        scale = group.create_task(running.ann("POST", f"{APP}/scale", {"cmd": 2}))
        await eventually(lambda: (found := running.rollout(3)) is not None and len(found.planned) >= 2)
        cancel = await running.ann("POST", f"{APP}/releases/cancel")
    assert [answer.status for answer in (cancel, deploy.result(), scale.result())] == [200, 409, 204]
    await eventually(lambda: alone(running, "v2 cmd.1", "v2 cmd.2"))
    assert (await running.ann("GET", APP)).json["structure"] == {"cmd": 2}


async def test_a_scale_while_a_deploy_fails_scales_what_goes_on(running: Whole) -> None:
    await running.ann("POST", f"{APP}/settings", {"settings": {"startup_limit_seconds": 3}})
    running.agents.passes = only(2)
    async with asyncio.TaskGroup() as group:
        deploy = group.create_task(running.ann("POST", f"{APP}/config", {"values": {"A": "1"}}))
        await eventually(lambda: (found := running.rollout(3)) is not None and "to pass its check" in found.waiting)
        scale = group.create_task(running.ann("POST", f"{APP}/scale", {"cmd": 2}))
    for answer in (deploy.result(), scale.result()):
        assert answer.line == "503 SERVICE UNAVAILABLE"
        assert answer.json["detail"].endswith("; v2 goes on")
    await eventually(lambda: alone(running, "v2 cmd.1", "v2 cmd.2"))
    assert (await running.ann("GET", APP)).json["structure"] == {"cmd": 2}


def speaks(whole: Whole, *lines: bytes) -> Callable[[Instance], bool]:
    """A check that an instance passes once it has said something."""
    said: set[str] = set()

    def passes(instance: Instance) -> bool:
        if instance.name not in said:
            said.add(instance.name)
            for line in lines:
                whole.engine.say(instance.name, line)
        return True

    return passes


async def followed(whole: Whole, path: str, body: Any = None) -> list[Any]:
    """The lines of a change that is followed."""
    answer = await whole.ann("POST", APP + path, body, headers={"Accept": "application/x-ndjson"})
    assert answer.line == "200 OK"
    return [json.loads(line) for line in answer.text.splitlines() if line]


async def test_a_deploy_is_followed_from_its_writing_to_its_answer(running: Whole) -> None:
    running.agents.passes = speaks(running, b"listening\n")
    *told, result = await followed(running, "/builds", {"image": "shop"})
    phases = [one["phase"] for one in told if one["event"] == "release"]
    assert phases[-1] == "done"
    assert {one["version"] for one in told if one["event"] == "release"} == {3}
    assert [(one["instance"], one["line"]) for one in told if one["event"] == "log"] == [("cmd.1", "listening")]
    assert (result["status"], result["headers"]["Deis-Release"], result["body"]["image"]) == (201, "3", "shop")


async def test_a_deploy_that_fails_is_followed_to_the_word_of_what_goes_on(running: Whole) -> None:
    running.engine.add_image("bad", ports=(8080,), behaviour="crash")
    *told, result = await followed(running, "/builds", {"image": "bad"})
    assert [one["phase"] for one in told if one["event"] == "release"][-1] == "failed"
    assert result["status"] == 503
    assert "; v2 goes on" in result["body"]["detail"]
    await eventually(lambda: alone(running, "v2 cmd.1"))


async def test_only_new_instances_are_heard_of_a_scale_and_a_restart(running: Whole) -> None:
    old = {i.name for i in (await running.engine.instances()).instances}
    running.agents.passes = speaks(running, b"boot\n")
    *told, result = await followed(running, "/scale", {"cmd": 2})
    assert (result["status"], result["body"]) == (204, None)
    assert [one["instance"] for one in told if one["event"] == "log"] == ["cmd.2"]
    for name in old:
        running.engine.say(name, b"of old\n")
    *told, result = await followed(running, "/containers/restart")
    assert (result["status"], [one["num"] for one in result["body"]]) == (200, [1, 2])
    heard = {(one["instance"], one["line"]) for one in told if one["event"] == "log"}
    assert heard == {("cmd.1", "boot"), ("cmd.2", "boot")}
