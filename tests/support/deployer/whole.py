"""A controller and its deployer together, over a store and an engine in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from libs.daemon import supervise
from libs.engine.drivers.memory import MemoryEngine
from libs.keyspace.document import now
from libs.keyspace.records import Leader, Rollout
from libs.store.drivers.memory import MemoryStore
from libs.store.election import Election
from libs.web import listen, open_client
from services.controller.api import api
from services.controller.controller import Controller
from services.controller.deployer import Deployer
from services.controller.serve import build
from services.controller.settings import ControllerSettings
from tests.support.api import Client
from tests.support.deployer.agents import Agents
from tests.support.deployer.platform import NODE, settings
from tests.support.waiting import eventually

APP = "/v1/apps/shop"


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


@asynccontextmanager
async def a_whole(home: Path) -> AsyncIterator[Whole]:
    """One of its own, with an app of ann's that has no build yet."""
    store, engine = MemoryStore(), MemoryEngine()
    engine.add_image("shop", ports=(8080,))
    chosen = ControllerSettings(home=home, domain="example.net", controller_wait_seconds=30)
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
