"""What a reader's pattern costs is that reader's: lines are stored without it, and the loop goes on while it looks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.loglines.pattern import Pattern
from libs.loglines.selection import Selection
from services.logger import feed as feeds
from services.logger import feed_past, feed_sieve, search, sifting
from services.logger.archive import Archive, Bounds
from services.logger.feed import Cursor, Missed, Place
from services.logger.newest import last_lines
from services.logger.ring import Source
from tests.support.waiting import eventually
from tests.unit.logger.following import APP, UUID, Reader, at_once, numbered

ODD = Selection(grep="^[0-9]*[13579] ")


@pytest.fixture(autouse=True)
def no_gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "GATHER_SECONDS", 0)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """All texts that any pattern was asked about."""
    texts, lines = list[bytes](), Pattern.lines

    def noted(pattern: Pattern, asked: Sequence[bytes]) -> list[int]:
        texts.extend(asked)
        return lines(pattern, asked)

    monkeypatch.setattr(Pattern, "lines", noted)
    return texts


class Held:
    """Lets a pattern's thread go on only when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached = threading.Event()
        self.go_on = threading.Event()
        lines, loops = Pattern.lines, threading.current_thread()

        def held(pattern: Pattern, asked: Sequence[bytes]) -> list[int]:
            assert threading.current_thread() is not loops
            self.reached.set()
            assert self.go_on.wait(30)
            return lines(pattern, asked)

        monkeypatch.setattr(Pattern, "lines", held)
        monkeypatch.setattr(sifting, "SLICE", 0)  # every line is one for the threads


def follow(archive: Archive, selection: Selection = ODD, *, lines: int = 0, bound: int = 1 << 20) -> Reader:
    return Reader(archive.feed(APP, UUID, selection, lines=lines, bound=bound), archive.boot)


async def test_no_pattern_is_asked_while_lines_are_stored_and_feeds_begin(seen: list[bytes]) -> None:
    archive = Archive(Bounds())
    archive.take(numbered(0, 30))
    live = follow(archive)
    await live.read()
    seeking = Reader(archive.feed(APP, UUID, ODD, after=Cursor("other", {"b": Place(0, 5, 1)})), archive.boot)
    await seeking.read()
    seen.clear()
    behind = follow(archive, lines=5)
    archive.take(numbered(30, 30))
    archive.take(numbered(0, 30, instance="b"))
    assert seen == []
    for reader in (live, seeking, behind):
        await reader.read()
    assert live.numbers("a") == list(range(31, 60, 2))
    assert live.numbers("b") == list(range(1, 30, 2))
    assert seeking.numbers("b") == list(range(5, 30, 2))
    assert behind.numbers("a") == [21, 23, 25, 27, 29, *range(31, 60, 2)]


async def test_feeds_of_an_equal_selection_ask_their_pattern_once_a_line(seen: list[bytes]) -> None:
    archive = Archive(Bounds())
    readers = [follow(archive) for _ in range(5)]
    for reader in readers:
        await reader.read()
    archive.take(numbered(0, 20))
    batches = [await reader.feed.batch() for reader in readers]
    assert len(seen) == 20
    assert len({id(batch.pieces[0].block) for batch in batches}) == 1


async def test_the_loop_has_its_turn_again_and_again_while_a_pattern_looks(
    seen: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(Bounds())
    readers = [follow(archive, Selection(grep=f"^{n}")) for n in range(5)]
    for reader in readers:
        await reader.read()
    archive.take(numbered(0, 2000))
    monkeypatch.setattr(sifting, "thread_time", lambda: len(seen) * 1e-5)  # 200 lines take the loop's part of a turn
    monkeypatch.setattr(sifting, "PATIENCE", 1.0)
    looked = list[int]()

    async def turn() -> None:
        while True:
            looked.append(len(seen))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        turning = tasks.create_task(turn())
        await asyncio.sleep(0)
        async with asyncio.TaskGroup() as readings:
            for reader in readers:
                readings.create_task(reader.feed.batch())
        turning.cancel()
    assert looked[-1] == 10_000
    slice_ = sifting.SLICE // 17
    assert max(after - before for before, after in pairwise(looked)) <= 200 + slice_


async def test_lines_are_stored_and_others_read_on_while_a_slow_pattern_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(Bounds())
    slow, quick = follow(archive), follow(archive, Selection(stream="stdout"))
    await slow.read()
    await quick.read()
    held = Held(monkeypatch)
    archive.take(numbered(0, 3))
    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(slow.feed.batch())
        await eventually(held.reached.is_set)
        archive.take(numbered(3, 3))
        await quick.read()
        assert quick.numbers() == list(range(6))
        assert not looking.done()
        held.go_on.set()
    slow.take(looking.result())
    assert slow.numbers() == [1]
    slow.take(await slow.feed.batch())
    assert slow.numbers() == [1, 3, 5]


async def test_a_batch_that_is_cancelled_while_a_thread_looks_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(Bounds())
    reader = follow(archive)
    await reader.read()
    held = Held(monkeypatch)
    archive.take(numbered(0, 10))
    for _ in range(5):
        assert await at_once(reader.feed) is None
    archive.take(numbered(10, 10))
    held.go_on.set()
    while len(reader.numbers()) < 10:
        reader.take(await reader.feed.batch())
    assert reader.numbers() == list(range(1, 20, 2))
    assert reader.missed == []


async def test_what_a_slow_pattern_leaves_no_room_for_is_missed_and_nobody_knows_how_much_would_have_passed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive = Archive(Bounds())
    reader = follow(archive, bound=2000)
    await reader.read()
    held = Held(monkeypatch)
    archive.take(numbered(0, 10, text=b"x" * 150))
    assert await at_once(reader.feed) is None  # taken, and still counted as waiting
    archive.take(numbered(10, 10, text=b"x" * 150))
    archive.take(numbered(20, 10, text=b"x" * 150))
    held.go_on.set()
    while not reader.missed:
        reader.take(await reader.feed.batch())
    archive.take(numbered(30, 10, text=b"x" * 150))
    while reader.places["a"].next < 40:
        reader.take(await reader.feed.batch())
    assert reader.missed == [Missed(None, 11, 30, "slow")]
    assert reader.numbers() == [*range(1, 10, 2), *range(31, 40, 2)]
    reader.resume(archive, archive.feed(APP, UUID, ODD, after=reader.cursor()))
    reader.take(await reader.feed.batch())
    assert len(reader.numbers()) == 10


async def test_lines_that_go_while_the_last_ones_are_looked_for_are_told_as_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive = Archive(Bounds(lines=20))
    archive.take(numbered(0, 20))
    reader = follow(archive, lines=3)
    held = Held(monkeypatch)
    assert await at_once(reader.feed) is None
    archive.take(numbered(20, 30))  # all that was there is gone, and some of what came since
    held.go_on.set()
    while not reader.live:
        reader.take(await reader.feed.batch())
    assert reader.numbers() == list(range(31, 50, 2))
    assert [(missed.lines, missed.until, missed.why) for missed in reader.missed] == [(None, 31, "slow")]


def end_of(reader: Reader, source: Source) -> int:
    place = reader.places.get(source.instance)
    return place.next if place else -1


TEXTS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 30)), max_size=20)


@settings(deadline=None)
@given(TEXTS, st.integers(0, 40), st.booleans())
async def test_a_pattern_that_is_asked_aside_or_in_slices_finds_what_it_finds_at_once(
    writes: list[tuple[str, int]], lines: int, aside: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feeds, "WINDOW", 600)
        patch.setattr(feeds, "PLACE_SECONDS", 0)
        patch.setattr(feed_past, "LEAST", 100)
        for module in (feed_sieve, search, sifting):
            patch.setattr(module, "SLICE", 0 if aside else 60)
        archive, sent = Archive(Bounds()), dict.fromkeys("ab", 0)

        def write(instance: str, count: int) -> None:
            archive.take(numbered(sent[instance], count, instance=instance))
            sent[instance] += count

        half = len(writes) // 2
        for instance, count in writes[:half]:
            write(instance, count)
        reader = follow(archive, lines=lines)
        ring = archive.ring(APP, UUID)
        assert ring is not None
        expected: dict[str, list[int]] = {"a": [], "b": []}
        for found in last_lines(ring, ODD, lines):
            expected[found.source.instance].append(int(found.stored[17:]))
        before = dict(sent)
        for instance, count in writes[half:]:
            write(instance, count)
            if count % 2 and (batch := await at_once(reader.feed)):
                reader.take(batch)
        while not reader.live or any(end_of(reader, one) < one.end for one in ring.sources()):
            reader.take(await reader.feed.batch())
        for instance in "ab":
            came = [n for n in range(before[instance], sent[instance]) if n % 2]
            assert reader.numbers(instance) == expected[instance] + came
