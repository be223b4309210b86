from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from libs.daemon import supervise
from libs.keyspace import Keyspace
from libs.keyspace.records import Health, Instance
from libs.store.drivers.memory import MemoryStore
from libs.store.mirror import Mirror
from libs.store.owned import Owned
from libs.store.shelf import Shelf
from services.health_checker.verdicts import ORPHAN_SECONDS, Verdicts
from tests.support.waiting import eventually

KEYS = Keyspace()
KEY = ("n1", "shop", "a1")
RUN = datetime(2026, 1, 1, tzinfo=UTC)
READY = Health(started=True, ready=True, live=True, since=RUN, run=RUN)
INSTANCE = Instance(
    id="a1", name="a1", node="n1", app="shop", app_uuid="u", type="web", number=1, release=1, state="running"
)


@dataclass
class Desk:
    store: MemoryStore = field(default_factory=MemoryStore)
    now: float = 0.0
    reader: MemoryStore = field(init=False)
    instances: Mirror[Instance] = field(init=False)
    health: Mirror[Health] = field(init=False)
    verdicts: Verdicts = field(init=False)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Desk]:
        self.reader = self.store.fork()
        self.instances = Mirror(self.reader, KEYS.instances, "n1")
        self.health = Mirror(self.store, KEYS.health, "n1")
        self.verdicts = Verdicts(Owned(self.store, KEYS.health, self.health), self.instances, lambda: self.now)
        async with supervise(instances=self.instances.run(), health=self.health.run()):
            await eventually(lambda: self.instances.current and self.health.current)
            yield self

    async def recorded(self) -> Health | None:
        found = await Shelf(self.store, KEYS.health).get(*KEY)
        return found.document if found else None

    async def keep_at(self, now: float) -> None:
        self.now = now
        await self.verdicts.keep()


async def test_a_verdict_that_nobody_saw_orphaned_is_kept_for_long_and_then_deleted() -> None:
    desk = Desk()
    await Shelf(desk.store, KEYS.health).put(READY, *KEY)
    async with desk.open():
        await desk.keep_at(0)
        await desk.keep_at(ORPHAN_SECONDS - 1)
        assert await desk.recorded() == READY
        await desk.keep_at(ORPHAN_SECONDS)
        assert await desk.recorded() is None


async def test_the_time_of_an_orphan_counts_only_while_the_instances_are_followed() -> None:
    desk = Desk()
    await Shelf(desk.store, KEYS.health).put(READY, *KEY)
    async with desk.open():
        await desk.keep_at(0)
        desk.reader.unavailable = True
        await eventually(lambda: not desk.instances.current)
        await desk.keep_at(ORPHAN_SECONDS)
        desk.reader.unavailable = False
        await eventually(lambda: desk.instances.current)
        await desk.keep_at(ORPHAN_SECONDS + 1)
        assert await desk.recorded() == READY


async def test_an_orphan_whose_instance_comes_back_begins_anew() -> None:
    desk = Desk()
    await Shelf(desk.store, KEYS.health).put(READY, *KEY)
    async with desk.open():
        await desk.keep_at(0)
        await Shelf(desk.store, KEYS.instances).put(INSTANCE, *KEY)
        await eventually(lambda: desk.instances.get(*KEY))
        await desk.keep_at(ORPHAN_SECONDS)
        assert await desk.recorded() == READY


async def test_a_verdict_that_is_over_is_deleted_unless_its_instance_is_back() -> None:
    desk = Desk()
    await Shelf(desk.store, KEYS.instances).put(INSTANCE, *KEY)
    async with desk.open():
        desk.verdicts.tell(KEY, READY)
        await desk.verdicts.keep()
        desk.verdicts.over(KEY)
        await desk.verdicts.keep()
        assert await desk.recorded() == READY
        await Shelf(desk.store, KEYS.instances).delete(*KEY)
        await eventually(lambda: desk.instances.get(*KEY) is None)
        desk.verdicts.over(KEY)
        await desk.verdicts.keep()
        assert await desk.recorded() is None
