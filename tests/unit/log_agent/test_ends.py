"""The ends: told of what was read, taken back when it runs again, and left alone while anything is in doubt."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from libs.daemon import supervise
from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import Instance, LogEnd
from libs.store.drivers.memory import MemoryStore
from libs.store.mirror import Mirror
from libs.store.shelf import Shelf
from services.log_agent.ends import Ends
from tests.support.waiting import eventually

KEYS = Keyspace()
PARTS = ("n1", "shop", "a")
FINISHED = datetime(2020, 1, 1, tzinfo=UTC)
EXITED = Instance(
    id="a",
    name="shop_v1.web.1-a",
    node="n1",
    app="shop",
    app_uuid="u",
    type="web",
    number=1,
    release=1,
    state="exited",
    finished=FINISHED,
)
RUNNING = EXITED.changed(state="running", finished=None)


class Desk:
    """Ends over a store in memory, with what else has a hand in it."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.operator = self.store.fork()
        self.instances = Mirror(self.store, KEYS.instances, "n1")
        self.told = Mirror(self.store, KEYS.log_ends, "n1")
        self.records = Shelf(self.operator, KEYS.instances)
        self.shelf = Shelf(self.operator, KEYS.log_ends)
        self.asked = 0
        self.ends = Ends(
            "n1",
            instances=self.instances,
            told=self.told,
            shelf=Shelf(self.store, KEYS.log_ends),
            changed=self.ask,
        )

    def ask(self) -> None:
        self.asked += 1

    async def seen(self, instance: Instance | None) -> None:
        """The publisher writes, and the mirror has it."""
        if instance is None:
            await self.records.delete(*PARTS)
        else:
            await self.records.put(instance, *PARTS)
        await eventually(lambda: self.instances.get(*PARTS) == instance)

    async def written(self) -> LogEnd | None:
        stored = await self.shelf.get(*PARTS)
        end = stored.document if stored else None
        await eventually(lambda: self.told.get(*PARTS) == end)
        return end


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    async with supervise(instances=desk.instances.run(), told=desk.told.run()):
        await eventually(lambda: desk.instances.current and desk.told.current)
        yield desk


async def test_an_end_is_told_once_it_was_read_and_not_before(desk: Desk) -> None:
    await desk.seen(EXITED)
    await desk.ends.tell()
    assert await desk.written() is None
    desk.ends.read(EXITED)
    assert desk.asked == 1
    await desk.ends.tell()
    end = await desk.written()
    assert end is not None
    assert end.finished == FINISHED
    await desk.ends.tell()
    assert await desk.written() == end


async def test_the_end_of_another_run_is_not_this_ones(desk: Desk) -> None:
    desk.ends.read(EXITED)
    later = EXITED.changed(finished=datetime(2020, 1, 2, tzinfo=UTC))
    await desk.seen(later)
    await desk.ends.tell()
    assert await desk.written() is None
    desk.ends.read(later)
    await desk.ends.tell()
    end = await desk.written()
    assert end is not None
    assert end.finished == later.finished


async def test_an_instance_that_runs_again_or_is_gone_has_no_end(desk: Desk) -> None:
    for after in (RUNNING, None):
        await desk.seen(EXITED)
        desk.ends.read(EXITED)
        await desk.ends.tell()
        assert await desk.written() is not None
        await desk.seen(after)
        await desk.ends.tell()
        assert await desk.written() is None


async def test_an_end_told_by_an_agent_before_is_kept_as_long_as_it_holds(desk: Desk) -> None:
    await desk.seen(EXITED)
    before = LogEnd(at=now(), finished=FINISHED)
    await desk.shelf.put(before, *PARTS)
    await eventually(lambda: desk.told.get(*PARTS))
    await desk.ends.tell()
    assert await desk.written() == before


async def test_while_the_store_is_away_or_not_listed_no_end_is_touched() -> None:
    desk = Desk()
    await desk.shelf.put(LogEnd(at=now(), finished=FINISHED), *PARTS)
    await desk.ends.tell()  # the mirrors are empty, for they have not begun
    async with supervise(told=desk.told.run()):
        await eventually(lambda: desk.told.current)
        await desk.ends.tell()  # one of them is, and it knows of no instance
    assert await desk.shelf.get(*PARTS) is not None


async def test_a_node_sees_to_its_own_ends_only(desk: Desk) -> None:
    other = ("n2", "shop", "z")
    await desk.shelf.put(LogEnd(at=now()), *other)
    await desk.ends.tell()
    assert await desk.shelf.get(*other) is not None
