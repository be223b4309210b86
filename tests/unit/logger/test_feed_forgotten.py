"""A reader that comes back to a ring which forgot instances is told what it did not get: each line is accounted for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.loglines import Frame, Kind, encode
from libs.loglines.selection import Selection
from services.logger import feed as feeds
from services.logger import feed_past, ring
from services.logger.archive import Archive, Bounds
from services.logger.feed import Missed
from services.logger.feed_batch import joined
from services.logger.ring import SOURCES
from tests.unit.logger.following import APP, UUID, Reader, numbered

ALL = Selection()


@pytest.fixture(autouse=True)
def no_gathering() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feeds, "GATHER_SECONDS", 0)
        patch.setattr(feeds, "WINDOW", 600)
        patch.setattr(feed_past, "LEAST", 100)
        yield


def timed(instance: str, first: int, times: list[int]) -> Frame:
    """Lines of these times that carry their number."""
    header = numbered(first, len(times), instance=instance).header
    block = b"".join(encode(at, Kind.OUT, b"%d" % (first + n)) for n, at in enumerate(times))
    return Frame(header.model_copy(update={"bytes": len(block)}), block)


def follow(archive: Archive, selection: Selection = ALL, lines: int = 0) -> Reader:
    return Reader(archive.feed(APP, UUID, selection, lines=lines), archive.boot)


async def come_back(reader: Reader, archive: Archive, selection: Selection = ALL) -> None:
    reader.resume(archive, archive.feed(APP, UUID, selection, after=reader.cursor()))
    await reader.read()


def ring_of(archive: Archive) -> ring.Ring:
    found = archive.ring(APP)
    assert found is not None
    return found


def speak_anew(archive: Archive, instances: int) -> None:
    """A line each of so many that nobody knows."""
    for number in range(instances):
        archive.take(timed(f"new{number}", 0, [5000 + number]))


async def test_last_words_of_an_instance_that_was_forgotten_are_told_as_missed_once_and_the_others_are_counted() -> (
    None
):
    archive = Archive(Bounds(lines=100))
    archive.take(timed("old", 0, list(range(1000, 1010))))
    reader = follow(archive, lines=100)
    await reader.read()
    archive.take(timed("old", 10, list(range(1010, 1023))))
    speak_anew(archive, 300)
    await come_back(reader, archive)
    told = sum(map(len, reader.told.values()))
    missed = joined(reader.missed)
    assert missed == [Missed(None, None, 5043, "evicted"), Missed(156, None, 5199, "evicted")]
    assert told == 10 + 100
    forgotten = 13 + 300 - SOURCES
    assert told + 156 + forgotten == archive.counts.stored
    await come_back(reader, archive)
    assert len(joined(reader.missed)) == 2


async def test_who_knew_all_that_was_forgotten_is_told_of_no_loss() -> None:
    archive = Archive(Bounds(lines=100))
    wide, narrow = follow(archive), follow(archive, Selection(process="db"))
    archive.take(timed("old", 0, list(range(1000, 1010))))
    for reader in (wide, narrow):
        await reader.read()
    speak_anew(archive, 100)
    await wide.read()
    ring_of(archive).forget_silent()
    assert ring_of(archive).source("old") is None
    await come_back(wide, archive)
    await come_back(narrow, archive, Selection(process="db"))
    assert wide.missed == narrow.missed == []
    assert sum(map(len, wide.told.values())) == 110


async def test_who_broke_off_before_it_was_live_is_told_of_what_it_was_to_be_told_and_is_forgotten() -> None:
    archive = Archive(Bounds(lines=100))
    archive.take(timed("old", 0, [800, 801]))
    archive.take(timed("a", 0, list(range(900, 950))))
    reader = follow(archive, lines=100)
    reader.places = dict(reader.feed.start)
    archive.take(timed("a", 50, list(range(2000, 2100))))
    reader.feed.close()  # it has heard nothing but its places
    ring_of(archive).forget_silent()
    await come_back(reader, archive)
    assert Missed(None, None, 801, "evicted") in reader.missed


async def test_who_comes_back_to_an_app_whose_ring_had_to_go_meanwhile_is_told_so() -> None:
    archive = Archive(Bounds(rings=1))
    archive.take(numbered(0, 10))
    reader = follow(archive)
    await reader.read()
    reader.feed.close()
    archive.take(numbered(10, 10))
    archive.say("other", "u-other", 1, "makes room")
    archive.take(numbered(20, 1))
    await come_back(reader, archive)
    assert reader.missed[0] == Missed(None, None, None, "evicted")


@pytest.mark.parametrize("away", [True, False])
async def test_an_instance_that_was_forgotten_and_goes_on_is_told_whatever_its_clock_says(*, away: bool) -> None:
    archive = Archive(Bounds())
    reader = follow(archive)
    archive.take(timed("a", 0, [1000, 2000]))
    await reader.read()
    archive.clear(APP)
    ring_of(archive).forget_silent()
    archive.take(timed("b", 0, [2500]))
    archive.take(timed("a", 2, [1500, 1600]))
    if away:
        await come_back(reader, archive)
    await reader.read()
    assert reader.numbers() == [0, 1, 2, 3]
    assert reader.missed == []


async def test_an_instance_that_comes_and_is_forgotten_while_a_reader_is_yet_to_read_is_counted() -> None:
    archive = Archive(Bounds())
    archive.take(timed("a", 0, [1000]))
    reader, other = follow(archive, lines=10), follow(archive, Selection(instance="a"), lines=10)
    archive.take(timed("b", 0, [1001, 1002]))
    archive.clear(APP)
    ring_of(archive).forget_silent()
    await reader.read()
    await other.read()
    assert joined(reader.missed) == [Missed(3, None, 1002, "slow")]
    assert [(gap.lines, gap.until) for gap in other.missed] == [(1, 1000)]


WRITES = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.lists(st.integers(-30, 5), min_size=1, max_size=10)), max_size=60
)


@settings(deadline=None)
@given(WRITES, st.data())
async def test_every_line_is_told_or_counted_or_within_the_times_of_what_nobody_could_count(
    writes: list[tuple[str, list[int]]], data: st.DataObject
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ring, "SOURCES", 4)
        archive, written, at = Archive(Bounds(lines=20)), dict[str, list[int]](), 1000
        reader = follow(archive)
        for instance, steps in writes:
            before = written.setdefault(instance, [])
            times = [at := max(at + step, 1) for step in steps]
            archive.take(timed(instance, len(before), times))
            before += times
            match data.draw(st.integers(0, 9)):
                case 0:
                    await reader.read_some()
                case 1:
                    await come_back(reader, archive)
                case 2:
                    archive.clear(APP)
                case 3:
                    ring_of(archive).forget_silent()
        await come_back(reader, archive)
        untold = [
            one for name, times in written.items() for n, one in enumerate(times) if n not in set(reader.numbers(name))
        ]
        spans = [(gap.since or 0, gap.until or 1 << 62, gap.lines) for gap in reader.missed]
        assert all(any(since <= one <= until for since, until, _ in spans) for one in untold)
        uncounted = [(since, until) for since, until, lines in spans if lines is None]
        left = [one for one in untold if not any(since <= one <= until for since, until in uncounted)]
        assert len(left) <= reader.lost()
        assert all(reader.numbers(name) == sorted(set(reader.numbers(name))) for name in written)
