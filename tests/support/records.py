"""The platform's records as a test sees them: live, and remembered when they are gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from libs.daemon.settings import Settings
from libs.keyspace import Keyspace
from libs.keyspace.records import App, Health, Instance, Node, Retiring, Rollout, Router, RouterView, Service
from libs.store.mirror import Mirror, Moved
from libs.store.opening import open_driver
from libs.store.store import Store


class Records:
    """Mirrors of what the daemons wrote. An address is one instance's for its whole life, and not another's soon."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.keys = Keyspace()
        self.apps: Mirror[App] = Mirror(store, self.keys.apps)
        self.instances: Mirror[Instance] = Mirror(store, self.keys.instances)
        self.health: Mirror[Health] = Mirror(store, self.keys.health)
        self.retiring: Mirror[Retiring] = Mirror(store, self.keys.retiring)
        self.rollouts: Mirror[Rollout] = Mirror(store, self.keys.rollouts)
        self.routers: Mirror[Router] = Mirror(store, self.keys.routers)
        self.nodes: Mirror[Node] = Mirror(store, self.keys.nodes)
        self.services: Mirror[Service] = Mirror(store, self.keys.services)
        self.by_address: dict[str, str] = {}  # instance ids
        self.retired: dict[str, Retiring] = {}  # by instance id, the last word on each
        self.instances.on_change(self._instances_moved)
        self.retiring.on_change(self._retiring_moved)

    @property
    def mirrors(self) -> tuple[Mirror[Any], ...]:
        """All of them."""
        return (
            self.apps,
            self.nodes,
            self.instances,
            self.health,
            self.retiring,
            self.rollouts,
            self.routers,
            self.services,
        )

    def instance(self, id_: str) -> Instance | None:
        """The record of an instance that is there."""
        return next((one for (_, _, each), one in self.instances.items() if each == id_), None)

    def verdict(self, id_: str) -> Health | None:
        """The checker's verdict on an instance."""
        return next((one for (_, _, each), one in self.health.items() if each == id_), None)

    def of_app(self, app: str) -> list[Instance]:
        """The instances of an app that are there."""
        return sorted((one for _, one in self.instances.items() if one.app == app), key=lambda one: one.name)

    def rollout(self, app: str) -> Rollout | None:
        """The rollout of an app's wanted release."""
        record = self.apps.get(app)
        return self.rollouts.get(record.uuid, record.release) if record else None

    def websocket_deadline(self, app: str, id_: str) -> datetime | None:
        """When an instance's WebSockets may be closed; None for one that was never seen to retire.

        A retirement that came and went while etcd was away is known from its rollout's evidence.
        """
        if (retiring := self.retired.get(id_)) is not None:
            return retiring.websocket_deadline or retiring.deadline
        record = self.apps.get(app)
        for _, rollout in self.rollouts.items(record.uuid) if record else ():
            if (evidence := rollout.instances.get(id_)) is not None and evidence.retired is not None and record:
                return evidence.retired + timedelta(seconds=record.settings.drain_websocket_seconds)
        return None

    def view(self, id_: str) -> RouterView | None:
        """What the router says of an instance."""
        return next((router.instances[id_] for _, router in self.routers.items() if id_ in router.instances), None)

    def _instances_moved(self, moves: Sequence[Moved[Instance]]) -> None:
        for move in moves:
            if move.new is not None and move.new.address is not None:
                self.by_address[move.new.address] = move.new.id

    def _retiring_moved(self, moves: Sequence[Moved[Retiring]]) -> None:
        self.retired |= {move.parts[2]: move.new for move in moves if move.new is not None}


@asynccontextmanager
async def records(etcd_port: int) -> AsyncIterator[Records]:
    """The records of the platform whose etcd listens there, complete."""
    driver = open_driver(Settings(store_endpoints=f"127.0.0.1:{etcd_port}"))
    try:
        seen = Records(driver)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(mirror.run()) for mirror in seen.mirrors]
            for mirror in seen.mirrors:
                await mirror.wait_complete()
            try:
                yield seen
            finally:
                for task in tasks:
                    task.cancel()
    finally:
        await driver.close()
