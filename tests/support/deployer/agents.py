"""A node's agents and a router in miniature: they write the records that the real ones write, by the same rules."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from libs.engine import Engine, EngineUnavailable, Instance
from libs.keyspace import Collection, Document, Keyspace
from libs.keyspace import records as r
from libs.keyspace.document import now
from libs.store import Store, StoreUnavailable
from libs.store.shelf import Shelf
from tests.support.waiting import eventually

EVERY = 0.005  # seconds


async def write_if_new(shelf: Shelf[Document], document: Document, *parts: str) -> None:
    found = await shelf.get(*parts)
    if found is None or found.document != document:
        await shelf.put(document, *parts)


class Agents:
    """Publisher, health checker, log agent and router of one node. Each can be switched off, as if it had died.

    `passes` says whether a running instance passes its check, None is no verdict; `lives` whether it is live.
    """

    def __init__(self, store: Store, keyspace: Keyspace, engine: Engine, node: str) -> None:
        self._store, self._keys, self._engine, self._node = store, keyspace, engine, node
        self.publishing = self.checking = self.routing = self.reading_logs = True
        self.draining: set[str] = set()  # instances with requests in flight
        self.websockets: dict[str, int] = {}  # in flight, by instance
        self.memory = 1 << 40  # the node's, bytes
        self.passes: Callable[[Instance], bool | None] = lambda _: True
        self.lives: Callable[[Instance], bool] = lambda _: True
        self.verdicts: dict[str, r.Health] = {}
        self._turns = 0

    async def take_note(self) -> None:
        """Return once what was switched has come into effect: no turn that began before goes on."""
        seen = self._turns
        await eventually(lambda: self._turns >= seen + 2)

    async def run(self) -> None:
        while True:
            with suppress(StoreUnavailable, EngineUnavailable):
                await self.turn()
            self._turns += 1
            await asyncio.sleep(EVERY)

    async def turn(self) -> None:
        """Look once, and write what differs."""
        population = (await self._engine.instances()).instances
        instances = {i.identity.id: i for i in population}
        if self.publishing:
            await self._write_node()
            await self._publish(instances)
        if self.checking:
            await self._check(instances)
        if self.reading_logs:
            await self._read_logs(instances)
        if self.routing:
            await self._route(instances)

    def _shelf(self, collection: Collection[Document]) -> Shelf[Document]:
        return Shelf(self._store, collection)

    async def _write_node(self) -> None:
        node = r.Node(address="127.0.0.1", cpus=1, memory=self.memory)
        await write_if_new(self._shelf(self._keys.nodes), node, self._node)  # type: ignore[arg-type]

    async def _publish(self, instances: dict[str, Instance]) -> None:
        shelf = Shelf(self._store, self._keys.instances)
        for instance in instances.values():
            identity = instance.identity
            record = r.Instance(
                id=identity.id,
                name=instance.name,
                node=self._node,
                app=identity.app,
                app_uuid=identity.app_uuid,
                type=identity.type,
                number=identity.number,
                release=identity.release,
                generation=identity.generation,
                state=instance.state,
                address=instance.address,
                port=instance.port,
                restarts=instance.restarts,
                exit_code=instance.exit_code,
                started=instance.started,
                finished=instance.finished,
                once=instance.once,
            )
            await write_if_new(shelf, record, self._node, identity.app, identity.id)  # type: ignore[arg-type]
        for stored in await shelf.list():
            if stored.parts[2] not in instances:
                await shelf.delete(*stored.parts)

    async def _check(self, instances: dict[str, Instance]) -> None:
        shelf = Shelf(self._store, self._keys.health)
        for instance in instances.values():
            if instance.state != "running" or instance.once:
                continue
            passes = self.passes(instance)
            if passes is None:
                continue
            id_ = instance.identity.id
            before = self.verdicts.get(id_)
            same_run = before is not None and before.run == instance.started
            live = self.lives(instance)
            if before is not None and same_run and (before.ready, before.live) == (passes, live):
                continue
            started = passes or (before is not None and same_run and before.started)
            verdict = r.Health(
                started=started,
                ready=passes,
                live=live,
                since=now(),
                run=instance.started,
                reason="" if passes else "connection refused",
                live_reason="" if live else "GET /live got no answer within 1 s",
            )
            self.verdicts[id_] = verdict
            await shelf.put(verdict, self._node, instance.identity.app, id_)
        for stored in await shelf.list():
            if stored.parts[2] not in instances:
                await shelf.delete(*stored.parts)

    async def _read_logs(self, instances: dict[str, Instance]) -> None:
        shelf = Shelf(self._store, self._keys.log_ends)
        known = {stored.parts[2] for stored in await shelf.list()}
        for instance in instances.values():
            if instance.state == "exited" and instance.identity.id not in known:
                end = r.LogEnd(at=now(), finished=instance.finished)
                await shelf.put(end, self._node, instance.identity.app, instance.identity.id)
        for id_ in known - instances.keys():
            for stored in await shelf.list():
                if stored.parts[2] == id_:
                    await shelf.delete(*stored.parts)

    async def _route(self, instances: dict[str, Instance]) -> None:
        retiring = {stored.parts[2] for stored in await Shelf(self._store, self._keys.retiring).list()}
        planned = {
            entry.id
            for stored in await Shelf(self._store, self._keys.rollouts).list()
            for entry in stored.document.planned
            if entry.replaces or not stored.document.settled
        }
        verdicts = {stored.parts[2]: stored.document for stored in await Shelf(self._store, self._keys.health).list()}
        views = {
            id_: self._view(instances.get(id_), verdicts.get(id_), id_, id_ in retiring)
            for id_ in sorted(planned | retiring)
        }
        shown = {id_: view for id_, view in views.items() if view is not None}
        router = r.Router(node=self._node, instances=shown, applied=datetime.fromtimestamp(0).astimezone())
        await write_if_new(self._shelf(self._keys.routers), router, f"router-{self._node}")  # type: ignore[arg-type]

    def _view(
        self, instance: Instance | None, verdict: r.Health | None, id_: str, retiring: bool
    ) -> r.RouterView | None:
        if retiring:
            requests, websockets = int(id_ in self.draining), self.websockets.get(id_, 0)
            return r.RouterView(
                state="draining" if requests or websockets else "gone",
                in_flight=requests + websockets,
                websockets=websockets,
            )
        if instance is None or instance.port is None or instance.state != "running":
            return None
        if verdict is None or verdict.run != instance.started or not verdict.ready:
            return None
        return r.RouterView(state="in_rotation")
