"""A node with real containers, whose publisher and health checker run, and what the checker says of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry

from libs.daemon import Daemon, supervise
from libs.engine.engine import Identity, InstanceSpec
from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import Checks, Health, Router, RouterView
from libs.store.mirror import Mirror
from libs.store.opening import open_store
from libs.store.shelf import Shelf
from libs.store.store import Store
from services.health_checker.probe import open_probes
from services.health_checker.serve import check
from services.health_checker.settings import HealthCheckerSettings
from tests.integration.publisher.node import Node, a_node
from tests.support.dockerd import Dockerd
from tests.support.etcd import EtcdServer
from tests.support.waiting import eventually

APP = "touch /tmp/up; exec httpd -f -p 5000 -h /"


@dataclass
class Ward:
    """The node, its checker's verdicts, and a hand in its containers."""

    node: Node
    store: Store
    keys: Keyspace
    health: Mirror[Health]
    registry: CollectorRegistry

    async def start(self, id_: str, checks: Checks) -> None:
        identity = Identity(id=id_, app="shop", app_uuid="u", type="web", number=1, release=2)
        spec = InstanceSpec(
            identity,
            self.node.image,
            entrypoint=("sh", "-c"),
            command=(APP,),
            port=5000,
            checks=checks.model_dump_json(),
        )
        await self.node.engine.start(spec)

    async def run(self, id_: str, *command: str) -> None:
        """Do something in a container."""
        done = await self.node.engine.execute(f"shop_v2.web.1-{id_}", command, seconds=60)
        assert done.code == 0, done.output

    async def suspect(self, id_: str) -> datetime:
        """A router suspects an instance from now on."""
        since = now()
        view = RouterView(state="suspect", since=since, reason="no answer")
        await Shelf(self.store, self.keys.routers).put(Router(node="n2", instances={id_: view}, applied=since), "r1")
        return since

    async def says(self, id_: str, what: Callable[[Health], bool]) -> Health:
        """The verdict once it is so."""

        def found() -> Health | None:
            verdict = self.health.get("n1", "shop", id_)
            return verdict if verdict is not None and what(verdict) else None

        return await eventually(found, within=60, what=f"the verdict on {id_}")

    def faults(self) -> float:
        """Probes that could not be made."""
        return self.registry.get_sample_value("deis_health_checker_probes_total", {"outcome": "fault"}) or 0.0


@asynccontextmanager
async def a_ward(etcd: EtcdServer, daemon: Dockerd, home: Path) -> AsyncIterator[Ward]:
    """A ward whose agents run while the body does."""
    async with a_node(etcd, daemon, home) as node:
        common = {name.removeprefix("DEIS_").lower(): value for name, value in node.environment.items()}
        settings = HealthCheckerSettings.model_validate(common)
        keys, registry = Keyspace(settings.store_prefix), CollectorRegistry()
        async with open_store(settings, name="ward") as store, node.agents(checker=False):
            health = Mirror(store, keys.health)
            work = check(Daemon("health_checker", registry), settings, store, open_probes)
            async with supervise(checker=work, health=health.run()):
                yield Ward(node, store, keys, health, registry)
