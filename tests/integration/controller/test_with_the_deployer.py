"""The API and the deployer together, over a store and an engine in memory: what one writes the other acts on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from libs.daemon import supervise
from libs.engine import Instance
from libs.engine.drivers.memory import MemoryEngine
from libs.keyspace.document import now
from libs.keyspace.records import Checks, Leader, Rollout
from libs.store.drivers.memory import MemoryStore
from libs.store.election import Election
from libs.web import listen, open_client
from services.controller.api import api
from services.controller.controller import Controller
from services.controller.deployer import Deployer
from services.controller.serve import build
from services.controller.settings import ControllerSettings
from tests.support.api import Answer, Client
from tests.support.deployer.agents import Agents
from tests.support.deployer.platform import NODE, settings
from tests.support.waiting import eventually

APP = "/v1/apps/shop"
PROBES: dict[str, Any] = {"cmd": {"readinessProbe": {"httpGet": {"path": "/up"}}, "livenessProbe": {"tcpSocket": {}}}}


@dataclass(frozen=True)
class Whole:
    """A controller with its deployer, somebody who uses it, and the node below."""

    controller: Controller
    ann: Client
    agents: Agents
    engine: MemoryEngine

    def rollout(self, number: int) -> Rollout | None:
        app = self.controller.picture.apps.mirror.get("shop")
        return self.controller.picture.rollouts.mirror.get(app.uuid, number) if app else None

    async def up(self) -> list[str]:
        """What runs, as `v2 cmd.1`."""
        there = (await self.engine.instances()).instances
        up = (i.identity for i in there if i.state in {"running", "restarting"})
        return sorted(f"v{one.release} {one.type}.{one.number}" for one in up)

    async def told(self) -> list[str]:
        """The events, oldest first."""
        events = (await self.ann("GET", f"{APP}/events")).json["results"]
        return [one["message"] for one in reversed(events)]


@pytest.fixture
async def whole(tmp_path: Path) -> AsyncIterator[Whole]:
    store, engine = MemoryStore(), MemoryEngine()
    engine.add_image("shop", ports=(8080,))
    chosen = ControllerSettings(home=tmp_path, domain="example.net", controller_wait_seconds=30)
    async with open_client(timeout=5) as outgoing, open_client(timeout=60) as incoming:
        controller = build(chosen, store.fork(), engine.fork(), outgoing)
        keys = controller.keyspace
        me = Leader(id="me", node=NODE, since=now())
        election = Election(store.fork(), keys.leaders, "deployer", me=me, ttl=5.0)
        deployer = Deployer(
            store=store.fork(),
            keyspace=keys,
            engine=engine.fork(),
            unseal=controller.vault.unseal,
            election=election,
            settings=settings(),
        )
        agents = Agents(store, keys, engine, NODE)
        async with (
            supervise(
                campaign=election.run(),
                deployer=deployer.run(),
                agents=agents.run(),
                one_off_runs=controller.running.keep(),
                **controller.picture.tasks(),
            ),
            listen(api(controller, CollectorRegistry()), "127.0.0.1", 0) as port,
        ):
            await eventually(lambda: controller.picture.complete)
            await controller.custody.look()
            ann = await Client(incoming, f"http://127.0.0.1:{port}").joined("ann")
            assert (await ann("POST", "/v1/apps", {"id": "shop"})).status == 201
            yield Whole(controller, ann, agents, engine)
            controller.settling.stop()


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
        running.agents.passes = lambda _: True
    assert asked.result().status == 201
    lines = [json.loads(line) for line in following.result().text.splitlines() if line]
    assert (lines[0]["phase"], lines[0]["state"]) == ("starting", "rolling")
    assert (lines[-1]["phase"], lines[-1]["state"]) == ("done", "current")
    came = [one for one in lines[-1]["instances"] if one["release"] == 3]
    assert all(one["planned"] <= one["started"] <= one["ready"] <= one["routed"] for one in came)
    assert len(came) == 1
