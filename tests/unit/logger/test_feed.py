"""A feed tells what was and what comes, each line at most once and in order, and counts what it leaves out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.loglines.selection import Passed, Selection
from services.logger import feed as feeds
from services.logger import feed_past
from services.logger.archive import Archive, Bounds
from services.logger.feed import Batch, Missed, RingGone
from tests.unit.logger.following import APP, UUID, Reader, numbered

ALL = Selection()


@pytest.fixture(autouse=True)
def no_gathering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "GATHER_SECONDS", 0)
    monkeypatch.setattr(feeds, "WINDOW", 600)  # many windows
    monkeypatch.setattr(feed_past, "LEAST", 100)


def follow(archive: Archive, selection: Selection = ALL, *, lines: int = 0, bound: int = 1 << 20) -> Reader:
    return Reader(archive.feed(APP, UUID, selection, lines=lines, bound=bound), archive.boot)


def resumed(reader: Reader, archive: Archive, selection: Selection = ALL, *, bound: int = 1 << 20) -> None:
    reader.resume(archive, archive.feed(APP, UUID, selection, after=reader.cursor(), bound=bound))


async def test_the_last_lines_come_first_and_then_what_follows_without_a_line_between() -> None:
    archive = Archive(Bounds())
    archive.take(numbered(0, 100))
    reader = follow(archive, lines=7)
    archive.take(numbered(100, 3))  # before it was read for the first time
    await reader.read()
    archive.take(numbered(103, 5))
    await reader.read()
    assert reader.numbers() == list(range(93, 108))
    assert reader.live
    assert reader.missed == []


async def test_the_first_batch_of_a_feed_without_history_tells_the_places_alone() -> None:
    archive = Archive(Bounds())
    archive.take(numbered(0, 10))
    reader = follow(archive)
    await reader.read()
    assert (reader.numbers(), reader.live) == ([], True)
    assert reader.places["a"] == (10, 10, 1)
    empty = Archive(Bounds()).feed(APP, UUID, ALL)
    assert await empty.batch() == Batch((), (), live=True)


async def test_history_of_several_instances_comes_by_time_from_window_to_window() -> None:
    archive = Archive(Bounds())
    for first in range(0, 200, 10):
        archive.take(numbered(first, 10, instance="a", text=b"x" * 50))
        archive.take(numbered(first, 10, instance="b", text=b"x" * 50))
    reader, latest = follow(archive, lines=400), 0
    while not reader.live:
        batch = await reader.feed.batch()
        reader.take(batch)
        times = [int(line[:16], 16) for piece in batch.pieces for line in piece.block.split(b"\n")[:-1]]
        assert min(times) >= latest
        latest = max(times)
    assert reader.numbers("a") == reader.numbers("b") == list(range(200))


async def test_a_slow_reader_gets_what_waits_and_then_how_much_it_missed_between_which_times() -> None:
    archive = Archive(Bounds())
    reader = follow(archive, bound=2000)
    await reader.read()
    for n in range(100):
        archive.take(numbered(n, 1, text=b"x" * 100))
    await reader.read_some()
    told = reader.numbers()
    assert told == list(range(len(told)))
    assert 0 < len(told) < 20
    assert reader.missed == []
    archive.take(numbered(100, 1))
    await reader.read_some()
    assert reader.missed == [Missed(100 - len(told), len(told) + 1, 100, "slow")]
    assert reader.numbers() == [*told, 100]


async def test_behind_what_was_left_out_nothing_more_waits_until_that_is_told() -> None:
    archive = Archive(Bounds())
    reader = follow(archive, bound=2000)
    await reader.read()
    archive.take(numbered(0, 10, text=b"x" * 100))
    archive.take(numbered(10, 10, text=b"x" * 100))
    archive.take(numbered(20, 1))  # there would be room for it
    await reader.read()
    assert reader.numbers() == list(range(10))
    assert reader.missed == [Missed(11, 11, 21, "slow")]


async def test_one_that_comes_back_before_it_was_told_what_it_missed_still_gets_it() -> None:
    archive = Archive(Bounds())
    reader = follow(archive, bound=2000)
    await reader.read()
    archive.take(numbered(0, 10, text=b"x" * 150))
    archive.take(numbered(10, 10, text=b"x" * 150))
    await reader.read_some()
    resumed(reader, archive)
    await reader.read()
    assert reader.numbers() == list(range(20))
    assert reader.missed == []


async def test_what_was_told_as_missed_is_not_told_again_to_one_that_comes_back() -> None:
    archive = Archive(Bounds())
    reader = follow(archive, bound=2000)
    await reader.read()
    archive.take(numbered(0, 10, text=b"x" * 150))
    archive.take(numbered(10, 10, text=b"x" * 150))
    archive.take(numbered(0, 10, instance="b"))  # all of it is left out
    await reader.read_some()
    archive.take(numbered(20, 10, text=b"x" * 150))
    archive.take(numbered(30, 10, text=b"x" * 150))  # and again, before it comes
    await reader.read_some()
    assert reader.lost() == 20
    resumed(reader, archive)
    await reader.read()
    assert len(reader.numbers("a")) + len(reader.numbers("b")) + reader.lost() == 50
    assert (reader.numbers("a"), reader.numbers("b")) == ([*range(10), *range(20, 40)], [])


async def test_one_that_breaks_off_before_it_has_caught_up_is_told_nothing_older_when_it_comes_back() -> None:
    archive = Archive(Bounds())
    for instance in "ab":
        archive.take(numbered(0, 15, instance=instance))
    reader = follow(archive)
    archive.take(numbered(15, 40))
    await reader.read_some()
    assert not reader.live
    resumed(reader, archive)
    await reader.read()
    assert (reader.numbers("a"), reader.numbers("b")) == (list(range(15, 55)), [])


async def test_what_was_evicted_while_a_reader_was_away_is_counted_exactly() -> None:
    archive = Archive(Bounds(lines=50))
    reader = follow(archive)
    archive.take(numbered(0, 20))
    await reader.read()
    for first in range(20, 200, 10):
        archive.take(numbered(first, 10))
    resumed(reader, archive)
    await reader.read()
    assert reader.missed == [Missed(130, 20, 151, "evicted")]
    assert reader.numbers() == [*range(20), *range(150, 200)]


async def test_what_a_filter_left_out_moves_the_cursor_on() -> None:
    archive, odd = Archive(Bounds(lines=50)), Selection(grep="^[0-9]*[13579] ")
    archive.take(numbered(0, 20))
    reader = follow(archive, odd, lines=3)
    await reader.read()
    assert reader.numbers() == [15, 17, 19]
    for first in range(20, 120, 10):
        archive.take(numbered(first, 10))
        await reader.read()
    assert reader.places["a"].next == 120
    resumed(reader, archive, odd)
    archive.take(numbered(120, 3))
    await reader.read()
    assert reader.numbers() == [*range(15, 122, 2)]
    assert reader.missed == []


async def test_feeds_of_an_equal_selection_share_what_was_filtered(monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive(Bounds())
    readers = [follow(archive, Selection(stream="stdout")) for _ in range(5)]
    for reader in readers:
        await reader.read()
    filtered, passing = list[int](), Selection.passing

    def counted(selection: Selection, block: bytes, lines: int) -> Passed:
        filtered.append(lines)
        return passing(selection, block, lines)

    monkeypatch.setattr(Selection, "passing", counted)
    archive.take(numbered(0, 20))
    assert filtered == [20]
    batches = [await reader.feed.batch() for reader in readers]
    assert len({id(batch.pieces[0].block) for batch in batches}) == 1


async def test_an_instance_that_comes_later_is_followed_and_one_that_is_not_meant_is_not() -> None:
    archive = Archive(Bounds())
    reader = follow(archive, Selection(process="web"))
    await reader.read()
    archive.take(numbered(0, 2, instance="b", process="web.2"))
    archive.take(numbered(0, 2, instance="c", process="worker.1"))
    archive.say(APP, UUID, 5, "deployed")
    await reader.read()
    assert reader.told == {"b": [b"0 ", b"1 "]}


async def test_deleted_lines_leave_their_feeds_alive() -> None:
    archive = Archive(Bounds())
    archive.take(numbered(0, 10))
    reader = follow(archive)
    await reader.read()
    archive.clear(APP)
    archive.take(numbered(10, 1))
    await reader.read()
    assert reader.numbers() == [10]


async def test_a_forgotten_app_ends_its_feeds_after_what_was_put_before() -> None:
    archive = Archive(Bounds())
    reader = follow(archive)
    await reader.read()
    archive.take(numbered(0, 3))
    archive.forget(UUID)
    reader.take(await reader.feed.batch())
    assert reader.numbers() == [0, 1, 2]
    with pytest.raises(RingGone):
        await reader.feed.batch()
    behind = archive.feed(APP, UUID, ALL)
    archive.forget(UUID)
    with pytest.raises(RingGone):
        await behind.batch()


async def test_a_feed_wakes_for_a_line_and_a_closed_one_costs_its_ring_nothing() -> None:
    archive = Archive(Bounds())
    feed = archive.feed(APP, UUID, ALL)
    await feed.batch()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(feed.batch())
        await asyncio.sleep(0)
        archive.take(numbered(0, 1))
    assert waiting.result().pieces[0].lines == 1
    feed.close()
    ring = archive.ring(APP)
    assert ring is not None
    assert not ring.listeners


async def test_each_ring_that_begins_is_told_before_its_first_line() -> None:
    archive, begun = Archive(Bounds()), list[Reader]()

    def follow_it(app: str, uuid: str) -> None:
        begun.append(Reader(archive.feed(app, uuid, ALL), archive.boot))

    end = archive.on_ring(follow_it)
    archive.take(numbered(0, 2))
    archive.take(numbered(2, 2))
    assert len(begun) == 1
    await begun[0].read()
    assert begun[0].numbers() == [0, 1, 2, 3]
    end()
    archive.say("other", "u-other", 1, "x")
    assert len(begun) == 1


@dataclass(frozen=True)
class Step:
    """Something that happens."""

    kind: str
    instance: str
    count: int


KINDS = ["take", "take", "read", "read some", "drop", "resume", "clear"]
STEPS = st.builds(Step, st.sampled_from(KINDS), st.sampled_from("abc"), st.integers(1, 40))
SELECTIONS = st.sampled_from([ALL, Selection(process="web"), Selection(instance="b"), Selection(grep="7")])


async def happen(
    step: Step, archive: Archive, reader: Reader, sent: dict[str, int], resume: Callable[[], None]
) -> None:
    """One step; `sent` counts each instance's lines."""
    ring = archive.ring(APP)
    assert ring is not None
    match step.kind:
        case "take":
            archive.take(numbered(sent[step.instance], step.count, instance=step.instance))
            sent[step.instance] += step.count
        case "read":
            await reader.read()
        case "read some":
            await reader.read_some()
        case "drop":
            archive.weight -= ring.size
            ring.drop(step.count)
            archive.weight += ring.size
        case "clear":
            archive.clear(APP)
        case _ if reader.places:
            resume()


@settings(deadline=None)
@given(st.lists(STEPS, max_size=40), SELECTIONS, st.integers(0, 30), st.integers(300, 3000))
async def test_whatever_happens_each_line_is_told_or_counted_once_and_in_order(
    steps: list[Step], selection: Selection, lines: int, bound: int
) -> None:
    archive, sent = Archive(Bounds(lines=120, size=6000)), dict.fromkeys("abc", 0)
    for instance in "ab":
        archive.take(numbered(0, 15, instance=instance))
        sent[instance] = 15
    reader = follow(archive, selection, lines=lines, bound=bound)
    if lines:
        await reader.read()
    began = {instance: (reader.numbers(instance) or [sent[instance]])[0] for instance in "abc"}
    for step in steps:
        await happen(step, archive, reader, sent, partial(resumed, reader, archive, selection, bound=bound))
    await reader.read()
    wanted = 0
    for instance in "abc":
        told = reader.numbers(instance)
        assert told == sorted(set(told))
        if selection.wants("web.1", instance, 1):
            passing = [n for n in range(began[instance], sent[instance]) if selection.grep is None or "7" in str(n)]
            assert set(told) <= set(passing)
            wanted += len(passing)
    if all(missed.lines is not None for missed in reader.missed):
        assert sum(map(len, reader.told.values())) + reader.lost() == wanted
    else:
        assert not selection.whole
