"""A reader that comes to another memory goes on where it was: nothing twice, and nothing left out without a word."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.loglines import Frame, Header, Kind, encode
from libs.loglines.selection import Selection
from services.logger import feed as feeds
from services.logger import feed_past
from services.logger.archive import Archive, Bounds
from services.logger.feed import Cursor, Missed, Place
from services.logger.ring import SOURCES
from tests.unit.logger.following import APP, UUID, Reader, numbered

ALL = Selection()


@pytest.fixture(autouse=True)
def no_gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "GATHER_SECONDS", 0)
    monkeypatch.setattr(feeds, "WINDOW", 600)
    monkeypatch.setattr(feed_past, "LEAST", 100)


def timed(times: list[int], *, first: int = 0) -> Frame:
    """Lines of these times that carry their number."""
    block = b"".join(encode(at, Kind.OUT, b"%d" % (first + n)) for n, at in enumerate(times))
    header = Header(
        app=APP,
        app_uuid=UUID,
        process="web.1",
        instance="a",
        release=1,
        reading="r2",
        first=first,
        lines=len(times),
        bytes=len(block),
        position="p",
    )
    return Frame(header, block)


async def read_up_to(count: int, times: list[int]) -> Reader:
    """A reader of a memory that was told so many lines of these times."""
    archive = Archive(Bounds())
    reader = Reader(archive.feed(APP, UUID, ALL), archive.boot)
    await reader.read()
    for n, at in enumerate(times[:count]):
        archive.take(timed([at], first=n))
        await reader.read()
    return reader


TIMES = st.lists(st.integers(1, 12), min_size=1, max_size=40)


@settings(deadline=None)
@given(TIMES, st.data())
async def test_a_refill_that_is_still_arriving_tells_no_line_twice_and_leaves_none_out(
    times: list[int], data: st.DataObject
) -> None:
    reader = await read_up_to(data.draw(st.integers(0, len(times))), times)
    archive, sent = Archive(Bounds()), 0
    arrived = data.draw(st.integers(0, len(times)))
    if arrived:
        archive.take(timed(times[:arrived]))
        sent = arrived
    reader.resume(archive, archive.feed(APP, UUID, ALL, after=reader.cursor()))
    while sent < len(times):
        count = data.draw(st.integers(1, len(times) - sent))
        archive.take(timed(times[sent : sent + count], first=sent))
        sent += count
        if data.draw(st.booleans()):
            await reader.read()
    await reader.read()
    assert reader.numbers() == list(range(len(times)))
    assert reader.missed == []


async def test_a_place_that_the_other_memory_never_had_is_told_as_lost_and_nobody_knows_how_much() -> None:
    reader = await read_up_to(3, [10, 20, 30])
    archive = Archive(Bounds())
    archive.take(timed([50, 60], first=5))
    reader.resume(archive, archive.feed(APP, UUID, ALL, after=reader.cursor()))
    await reader.read()
    assert reader.missed == [Missed(None, 30, 50, "evicted")]
    assert reader.numbers() == [0, 1, 2, 5, 6]


async def test_the_same_holds_when_it_arrives_after_the_reader() -> None:
    reader = await read_up_to(3, [10, 20, 30])
    archive = Archive(Bounds())
    reader.resume(archive, archive.feed(APP, UUID, ALL, after=reader.cursor()))
    await reader.read()
    archive.take(timed([10, 20], first=0))
    archive.take(timed([50, 60], first=5))
    await reader.read()
    assert reader.missed == [Missed(None, 30, 50, "evicted")]
    assert reader.numbers() == [0, 1, 2, 5, 6]


async def test_an_instance_that_the_cursor_does_not_know_is_told_from_its_begin() -> None:
    archive = Archive(Bounds())
    archive.take(numbered(0, 5, instance="new"))
    reader = Reader(archive.feed(APP, UUID, ALL, after=Cursor("other", {})), archive.boot)
    await reader.read()
    assert reader.numbers("new") == [0, 1, 2, 3, 4]
    assert reader.missed == []


async def test_lines_of_the_kind_that_tells_a_gap_do_not_move_a_place() -> None:
    reader = await read_up_to(2, [10, 10])
    archive = Archive(Bounds())
    archive.take(timed([10]))
    archive.take(timed([10, 10], first=4))  # the logger writes a line about the hole, of the time 10
    reader.resume(archive, archive.feed(APP, UUID, ALL, after=reader.cursor()))
    await reader.read()
    assert reader.told["a"][2:] == [b"5"]


async def test_a_cursor_of_nonsense_tells_what_is_there() -> None:
    archive = Archive(Bounds())
    archive.take(numbered(0, 3))
    for place in (Place(10**12, 0, 0), Place(0, 0, 10**9)):
        for boot in (archive.boot, "x"):
            reader = Reader(archive.feed(APP, UUID, ALL, after=Cursor(boot, {"a": place})), archive.boot)
            await reader.read()
            assert reader.numbers() == [0, 1, 2]


@pytest.mark.parametrize("live", [True, False])
async def test_an_instance_that_was_forgotten_and_comes_again_is_told_on_from_where_it_was(*, live: bool) -> None:
    archive = Archive(Bounds())
    reader = Reader(archive.feed(APP, UUID, Selection(instance="a")), archive.boot)
    archive.take(numbered(0, 3))
    await reader.read()
    if not live:
        reader.resume(archive, archive.feed(APP, UUID, Selection(instance="a"), after=reader.cursor()))
    archive.clear(APP)
    for n in range(SOURCES + 30):
        archive.take(numbered(100 + n, 1, instance=f"i{n}"))
    ring = archive.ring(APP)
    assert ring is not None
    assert ring.source("a") is None
    archive.take(numbered(0, 20, text=b"again"))
    await reader.read()
    assert reader.numbers() == list(range(20))
    resumed = Reader(archive.feed(APP, UUID, Selection(instance="a"), after=reader.cursor()), archive.boot)
    await resumed.read()
    assert resumed.told == {"a": []}


async def test_what_went_before_the_place_was_found_is_told_as_lost() -> None:
    reader = await read_up_to(3, [10, 20, 30])
    archive = Archive(Bounds())
    reader.resume(archive, archive.feed(APP, UUID, ALL, after=reader.cursor()))
    archive.take(timed([10, 20, 30, 40, 50]))
    archive.clear(APP)
    await reader.read()
    assert reader.missed == [Missed(None, 30, 50, "evicted")]
    archive.take(timed([60], first=5))
    await reader.read()
    assert reader.numbers() == [0, 1, 2, 5]
    assert len(reader.missed) == 1
