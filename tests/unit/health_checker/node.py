"""A node in memory: its instances' records, what their probes would find, and the checker over both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client import CollectorRegistry

from libs.daemon import Daemon, supervise
from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import Check, Checks, Health, Instance, Router, RouterView, TcpAction
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from services.health_checker.probe import PASSED, Opened, Outcome
from services.health_checker.serve import check
from services.health_checker.settings import HealthCheckerSettings
from services.health_checker.target import Target
from tests.support.waiting import eventually

KEYS = Keyspace()
OFTEN = Check(tcp=TcpAction(), period_seconds=0.01)
REFUSED = Outcome(passed=False, reason="connection refused at 10.1.0.2:5000")


@dataclass
class Node:
    """A store, the instances of a node, and what their probes would find."""

    store: MemoryStore = field(default_factory=MemoryStore)
    outcomes: dict[str, Outcome] = field(default_factory=dict)  # by instance name, and a role behind it
    probed: list[str] = field(default_factory=list)  # instance names
    roles: list[str] = field(default_factory=list)  # of these probes
    broken: set[str] = field(default_factory=set)
    flapping: set[str] = field(default_factory=set)  # two probes of three fail

    async def probe(self, target: Target, check: Check, action: object) -> Outcome:
        role = next(role for role in ("startup", "readiness", "liveness") if getattr(target, role) is check)
        self.probed.append(target.name)
        self.roles.append(role)
        if target.name in self.broken:
            raise RuntimeError("a bug in a kind")
        if target.name in self.flapping and self.probed.count(target.name) % 3:
            return REFUSED
        return self.outcomes.get(f"{target.name} {role}") or self.outcomes.get(target.name, PASSED)

    async def record(self, id_: str, **changes: object) -> Instance:
        fields: dict[str, object] = {
            "id": id_,
            "name": id_,
            "node": "n1",
            "app": "shop",
            "app_uuid": "u",
            "type": "web",
            "number": 1,
            "release": 2,
            "state": "running",
            "address": "10.1.0.2",
            "port": 5000,
            "checks": Checks(readiness=OFTEN),
            "started": now(),
        }
        instance = Instance.model_validate({**fields, **changes})
        await Shelf(self.store, KEYS.instances).put(instance, "n1", "shop", id_)
        return instance

    async def forget(self, id_: str) -> None:
        await Shelf(self.store, KEYS.instances).delete("n1", "shop", id_)

    async def suspect(self, router: str, since: datetime, *ids: str) -> None:
        """A router's whole word."""
        views = {id_: RouterView(state="suspect", since=since, reason="connection refused") for id_ in ids}
        await Shelf(self.store, KEYS.routers).put(Router(node="n2", instances=views, applied=now()), router)

    async def verdict(self, id_: str) -> Health | None:
        found = await Shelf(self.store, KEYS.health).get("n1", "shop", id_)
        return found.document if found else None

    async def revision(self, id_: str) -> int | None:
        found = await Shelf(self.store, KEYS.health).get("n1", "shop", id_)
        return found.revision if found else None

    async def becomes(self, id_: str, *, ready: bool) -> Health:
        async def found() -> Health | None:
            verdict = await self.verdict(id_)
            return verdict if verdict is not None and verdict.ready is ready else None

        return await eventually(found, what=f"{id_} becomes {'ready' if ready else 'unready'}")

    async def confirms(self, id_: str, since: datetime) -> Health:
        """The verdict that answers a suspicion since then."""

        async def found() -> Health | None:
            verdict = await self.verdict(id_)
            answered = verdict is not None and verdict.confirmed is not None and verdict.confirmed >= since
            return verdict if answered else None

        return await eventually(found, what=f"the suspicion of {id_} is answered")

    async def probed_again(self, id_: str, times: int = 5) -> None:
        count = self.probed.count(id_)
        await eventually(lambda: self.probed.count(id_) >= count + times)


@asynccontextmanager
async def checker(node: Node) -> AsyncIterator[Daemon]:
    """One life of the checker, its probes answered by the node."""

    @asynccontextmanager
    async def open_probes(_: HealthCheckerSettings) -> AsyncIterator[dict[str, Opened]]:
        yield {"tcp": Opened(node.probe, 256)}

    daemon = Daemon("health_checker", CollectorRegistry())
    work = check(daemon, HealthCheckerSettings(node="n1"), node.store.fork(), open_probes)
    async with supervise(checker=work):
        await eventually(lambda: bool(daemon.ready) and all(holds() for holds in daemon.ready.values()))
        yield daemon
