"""What readers with a slow pattern leave behind when they give up: no work, no copy, and no wait for who comes next."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest

from libs.loglines.pattern import Pattern
from libs.loglines.selection import Selection
from services.logger import feed as feeds
from services.logger import sifting
from services.logger.archive import Archive, Bounds
from services.logger.newest import Found
from services.logger.reads import MOST, MOST_OF_APP, TooManyReads
from services.logger.ring import Ring
from services.logger.search import last_lines_aside
from services.logger.sifting import Sifting
from tests.support.waiting import eventually
from tests.unit.logger.following import APP, UUID, Reader, at_once, numbered

SLOW, QUICK = Selection(grep="slow|[13579] "), Selection(grep="^7 ")


class Threads:
    """What the patterns' threads were asked about; none goes on before it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.texts: list[bytes] = []
        self.reached, self.go_on = threading.Event(), threading.Event()
        lines = Pattern.lines

        def held(pattern: Pattern, asked: Sequence[bytes]) -> list[int]:
            self.reached.set()
            assert self.go_on.wait(30)
            self.texts.extend(asked)
            return lines(pattern, asked)

        monkeypatch.setattr(Pattern, "lines", held)
        monkeypatch.setattr(sifting, "SLICE", 0)  # every slice, which here is all lines, is one for the threads
        monkeypatch.setattr(feeds, "GATHER_SECONDS", 0)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[Threads]:
    made = Threads(monkeypatch)
    yield made
    made.go_on.set()


@pytest.fixture
def archive() -> Archive:
    made = Archive(Bounds())
    made.sifting = Sifting(1)
    made.take(numbered(0, 10))
    return made


def ring_of(archive: Archive) -> Ring:
    ring = archive.ring(APP, UUID)
    assert ring is not None
    return ring


async def read(archive: Archive, selection: Selection) -> list[Found]:
    return await last_lines_aside(ring_of(archive), selection, 100, archive.sifting)


async def test_a_thousand_reads_that_were_given_up_leave_no_work_and_the_next_one_is_answered(
    threads: Threads, archive: Archive
) -> None:
    for _ in range(1000):
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                await read(archive, SLOW)
    assert archive.sifting.aside.waiting == 0
    threads.go_on.set()
    assert [found.number for found in await read(archive, QUICK)] == [7]
    assert len(threads.texts) <= 20  # those of the one that was begun, and its own


async def test_three_hundred_tails_that_were_given_up_leave_none_either(threads: Threads, archive: Archive) -> None:
    for _ in range(300):
        feed = archive.feed(APP, UUID, SLOW, lines=100)
        assert await at_once(feed) is None
        feed.close()
    assert archive.sifting.aside.waiting == 0
    threads.go_on.set()
    reader = Reader(archive.feed(APP, UUID, SLOW, lines=100), archive.boot)
    while not reader.live:
        reader.take(await reader.feed.batch())
    assert reader.numbers() == [1, 3, 5, 7, 9]
    assert len(threads.texts) <= 30  # of a search that was begun, of its own, and of what it read


async def test_whoever_shares_a_work_goes_on_with_it_when_another_gives_up(threads: Threads, archive: Archive) -> None:
    first, second = (Reader(archive.feed(APP, UUID, SLOW), archive.boot) for _ in range(2))
    for reader in (first, second):
        await reader.read()
    async with asyncio.TaskGroup() as group:
        other = group.create_task(read(archive, QUICK))  # has the thread
        await eventually(threads.reached.is_set)
        archive.take(numbered(10, 10))
        assert await at_once(first.feed) is None
        assert archive.sifting.aside.waiting == 0
        going_on = group.create_task(second.feed.batch())
        await eventually(lambda: archive.sifting.aside.waiting == 1)
        assert await at_once(first.feed) is None  # it waits for the same work, and leaves that to the other
        assert archive.sifting.aside.waiting == 1
        threads.go_on.set()
    assert [found.number for found in other.result()] == [7]
    second.take(going_on.result())
    first.take(await first.feed.batch())
    assert first.numbers() == second.numbers() == [11, 13, 15, 17, 19]
    assert len(threads.texts) == 20  # nothing was looked at twice


async def test_a_read_whose_reader_left_is_given_up_between_two_slices(threads: Threads, archive: Archive) -> None:
    gone = threading.Event()
    archive.take(numbered(0, 10, instance="b"))
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(last_lines_aside(ring_of(archive), SLOW, 100, archive.sifting, left=gone.is_set))
        await eventually(threads.reached.is_set)
        gone.set()
        threads.go_on.set()
    assert looking.result() == []
    assert len(threads.texts) == 10


async def test_so_many_reads_of_an_app_look_at_once_and_the_next_one_is_told_to_come_again(
    threads: Threads, archive: Archive
) -> None:
    async with asyncio.TaskGroup() as group:
        reads = [group.create_task(read(archive, QUICK)) for _ in range(MOST_OF_APP)]
        await eventually(lambda: archive.sifting.aside.waiting == MOST_OF_APP - 1)
        with pytest.raises(TooManyReads, match=rf"^{MOST_OF_APP} reads of shop .* try again"):
            await read(archive, QUICK)
        assert len(await read(archive, Selection())) == 10  # what has no pattern needs no place
        reads.pop().cancel()
        await eventually(lambda: archive.sifting.aside.waiting == MOST_OF_APP - 2)
        reads.append(group.create_task(read(archive, QUICK)))
        threads.go_on.set()
    assert all(len(one.result()) == 1 for one in reads)


async def test_so_many_reads_of_all_apps_look_at_once(threads: Threads, archive: Archive) -> None:
    shared, rings = archive.sifting, list[Ring]()
    for _ in range(MOST):
        other = Archive(Bounds())
        other.take(numbered(0, 10))
        rings.append(ring_of(other))
    async with asyncio.TaskGroup() as group:
        reads = [group.create_task(last_lines_aside(ring, QUICK, 100, shared)) for ring in rings]
        await eventually(lambda: shared.aside.waiting == MOST - 1)
        with pytest.raises(TooManyReads, match=rf"^{MOST} reads .* in this logger"):
            await read(archive, QUICK)
        threads.go_on.set()
    assert all(len(one.result()) == 1 for one in reads)
    assert len(await read(archive, QUICK)) == 1
