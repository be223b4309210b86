"""The ring against the plainest model of it, and what it promises of several sources."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from itertools import count
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.loglines import BadBlock, Frame, Header, Kind, encode
from libs.loglines.line import PREFIX
from libs.loglines.selection import Selection
from services.logger.newest import last_lines
from services.logger.ring import SOURCE_WEIGHT, SOURCES, Ring

TEXT = st.binary(max_size=40).map(lambda data: data.replace(b"\n", b"."))
ALL = Selection()


def frame(lines: list[tuple[int, bytes]], *, first: int = 0, instance: str = "i1", reading: str = "r") -> Frame:
    block = b"".join(encode(at, Kind.OUT, text) for at, text in lines)
    header = Header(
        app="shop",
        app_uuid="u1",
        process="web.1",
        instance=instance,
        release=2,
        reading=reading,
        first=first,
        lines=len(lines),
        bytes=len(block),
        position=f"after {first + len(lines)}",
    )
    return Frame(header, block)


def texts(ring: Ring, selection: Selection = ALL, lines: int = 1_000_000) -> list[bytes]:
    return [found.stored[PREFIX:] for found in last_lines(ring, selection, lines)]


@given(st.lists(st.lists(TEXT, min_size=1, max_size=30), max_size=30), st.integers(1, 50))
def test_a_ring_of_one_source_is_a_deque_with_a_bound(batches: list[list[bytes]], bound: int) -> None:
    ring, model, first = Ring("shop", lines=bound, size=1 << 30), deque[bytes](maxlen=bound), 0
    for batch in batches:
        ring.take(frame([(first + n, text) for n, text in enumerate(batch)], first=first))
        ring.trim()
        model.extend(batch)
        first += len(batch)
        assert texts(ring) == list(model)
        assert ring.lines == len(model)
        assert ring.size == sum(len(text) + 18 for text in model)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.lists(TEXT, min_size=1, max_size=20)), max_size=30),
    st.integers(1, 300),
    st.integers(64, 4000),
)
def test_a_ring_of_many_sources_keeps_the_end_of_each_within_both_bounds(
    batches: list[tuple[str, list[bytes]]], lines: int, size: int
) -> None:
    ring, sent, clock = Ring("shop", lines=lines, size=size), dict[str, list[bytes]](), 0
    evicted = 0
    for instance, batch in batches:
        before = sent.setdefault(instance, [])
        ring.take(frame([(clock + n, text) for n, text in enumerate(batch)], first=len(before), instance=instance))
        evicted += ring.trim()
        before.extend(batch)
        clock += len(batch)
        assert ring.lines <= lines
        assert ring.size <= size
        assert ring.lines + evicted == sum(map(len, sent.values()))
    for instance, all_of_it in sent.items():
        kept = texts(ring, Selection(instance=instance))
        assert kept == all_of_it[len(all_of_it) - len(kept) :]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.data())
def test_frames_sent_again_are_stored_once(sizes: list[int], data: st.DataObject) -> None:
    ring, sent = Ring("shop", lines=10**6, size=1 << 30), 0
    everything = [(n, b"line %d" % n) for n in range(sum(sizes))]
    for size in sizes:
        back = data.draw(st.integers(0, sent))
        taken = ring.take(frame(everything[back : sent + size], first=back))
        assert (taken.stored, taken.doubles, taken.missing) == (size, sent - back, 0)
        sent += size
    assert texts(ring) == [text for _, text in everything]


def test_a_frame_that_was_stored_before_changes_nothing() -> None:
    ring = Ring("shop", lines=10, size=1 << 20)
    ring.take(frame([(1, b"a"), (2, b"b")]))
    assert ring.take(frame([(1, b"a")])).doubles == 1
    assert texts(ring) == [b"a", b"b"]
    source = ring.source("i1")
    assert source is not None
    assert (source.next, source.position) == (2, "after 2")


def test_a_hole_becomes_a_line_that_says_how_many_are_missing() -> None:
    ring = Ring("shop", lines=10, size=1 << 20)
    ring.take(frame([(1, b"a")]))
    assert ring.take(frame([(9, b"j")], first=9)).missing == 8
    first, gap, last = [found.stored for found in last_lines(ring, ALL, 9)]
    assert (first[PREFIX:], last[PREFIX:]) == (b"a", b"j")
    assert gap + b"\n" == encode(9, Kind.GAP, b"8 lines of web.1 (i1) were lost on their way here")


def test_a_new_reading_begins_where_it_says_and_misses_nothing() -> None:
    ring = Ring("shop", lines=10, size=1 << 20)
    assert ring.take(frame([(1, b"a")], first=700)).missing == 0
    assert ring.take(frame([(2, b"b")], first=0, reading="another")).missing == 0
    assert texts(ring) == [b"a", b"b"]


def test_a_header_that_counts_wrongly_is_refused_whole() -> None:
    ring = Ring("shop", lines=10, size=1 << 20)
    good = frame([(1, b"a"), (2, b"b")])
    wrong = Frame(good.header.model_copy(update={"lines": 3}), good.block)
    with pytest.raises(BadBlock, match="has 2 lines and its header says 3"):
        ring.take(wrong)
    assert ring.lines == ring.size == 0


def test_lines_of_instances_are_merged_by_time_and_each_keeps_its_own_order() -> None:
    ring = Ring("shop", lines=100, size=1 << 20)
    ring.take(frame([(10, b"a10"), (30, b"a30"), (20, b"a20 clock went back"), (50, b"a50")], instance="a"))
    ring.take(frame([(5, b"b5"), (29, b"b29"), (40, b"b40")], instance="b"))
    ring.say(45, "admin deployed v3")
    expected = [b"b5", b"a10", b"b29", b"a30", b"a20 clock went back", b"b40", b"admin deployed v3", b"a50"]
    assert texts(ring) == expected
    assert texts(ring, lines=3) == expected[-3:]
    assert texts(ring, lines=0) == []


def test_an_old_history_that_comes_late_does_not_push_out_newer_lines() -> None:
    ring = Ring("shop", lines=100, size=1 << 20)
    ring.take(frame([(1000 + n, b"new") for n in range(100)], instance="new"))
    ring.take(frame([(n, b"old") for n in range(100)], instance="old"))
    assert ring.trim() == 100
    assert texts(ring) == [b"new"] * 100


def test_filters_choose_sources_and_times() -> None:
    ring = Ring("shop", lines=100, size=1 << 20)
    ring.take(frame([(1, b"one"), (2, b"two")], instance="a"))
    ring.say(3, "admin scaled web=2")
    assert texts(ring, Selection(process="web")) == texts(ring, Selection(process="web.1")) == [b"one", b"two"]
    assert texts(ring, Selection(process="deis")) == [b"admin scaled web=2"]
    assert texts(ring, Selection(process="worker")) == texts(ring, Selection(instance="zz")) == []
    assert texts(ring, Selection(release=2)) == [b"one", b"two"]
    assert texts(ring, Selection(since=2)) == [b"two", b"admin scaled web=2"]


def test_the_byte_bound_gives_way_for_one_huge_line_and_no_more() -> None:
    ring = Ring("shop", lines=100, size=1000)
    ring.take(frame([(n, b"x" * 50) for n in range(10)]))
    ring.take(frame([(10, b"y" * 900)], first=10))
    ring.trim()
    assert [len(text) for text in texts(ring)] == [50, 900]


def test_many_instances_are_remembered_and_the_longest_silent_is_forgotten_first() -> None:
    ring = Ring("shop", lines=10, size=1 << 20)
    for n in range(SOURCES + 5):
        ring.take(frame([(n, b"%d" % n)], instance=f"i{n}"))
        ring.trim()
    assert ring.source("i0") is None
    assert ring.source(f"i{SOURCES + 4}") is not None
    assert texts(ring) == [b"%d" % n for n in range(SOURCES - 5, SOURCES + 5)]


def steps(work: Callable[[], object]) -> int:
    """How many instructions of the interpreter a piece of work takes."""
    counted, before = count(), sys.gettrace()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            next(counted)
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return next(counted)


def full_of(instances: int) -> Ring:
    """A full ring with a line of each of so many instances."""
    ring = Ring("shop", lines=instances, size=1 << 30)
    for n in range(instances):
        ring.take(frame([(n, b"x")], instance=f"i{n}"))
    return ring


def test_what_makes_room_is_found_among_a_thousand_instances_as_soon_as_among_ten() -> None:
    def work(ring: Ring) -> int:
        frames = [frame([(10_000 + n, b"x")], instance=f"new{n}") for n in range(50)]
        return steps(lambda: [(ring.take(one), ring.trim()) for one in frames])

    few, many = full_of(SOURCES + 10), full_of(SOURCES + 5000)
    assert work(many) <= work(few) * 1.1
    assert (few.lines, many.lines) == (SOURCES + 10, SOURCES + 5000)
    assert texts(many)[-50:] == [b"x"] * 50


def test_a_new_instance_finds_its_place_however_many_hold_lines_that_do_not_go() -> None:
    few, many = full_of(10), full_of(SOURCES + 5000)
    one = frame([(10**6, b"x")], instance="new")
    assert steps(lambda: many.take(one)) <= steps(lambda: few.take(one)) * 1.1


def test_instances_whose_lines_are_gone_are_forgotten_down_to_the_bound() -> None:
    ring = full_of(SOURCES * 3)
    ring.take(frame([(10**6 + n, b"y") for n in range(SOURCES * 3)], instance="loud"))
    ring.trim()
    assert len(ring.sources()) == SOURCES
    assert ring.source("loud") is not None
    weight = ring.weight
    ring.forget_silent()
    assert [source.instance for source in ring.sources()] == ["loud"]
    assert ring.weight == weight - (SOURCES - 1) * SOURCE_WEIGHT


def test_the_oldest_lines_go_first_whoever_fell_silent_and_spoke_again_meanwhile() -> None:
    ring = Ring("shop", lines=1000, size=1 << 30)
    ring.take(frame([(n, b"a") for n in range(100)], instance="a"))
    ring.take(frame([(200 + n, b"b") for n in range(100)], instance="b"))
    assert ring.drop(100) == 100  # all of a's
    ring.take(frame([(150, b"late"), (400, b"a")], first=100, instance="a"))
    assert ring.drop(1) == 1
    assert texts(ring) == [b"b"] * 100 + [b"a"]


def test_memory_of_dropped_lines_is_given_back() -> None:
    ring = Ring("shop", lines=7, size=1 << 30)
    for n in range(2000):
        ring.take(frame([(n, b"z" * 400)], first=n))
        ring.trim()
    source = ring.source("i1")
    assert source is not None
    held = sum(len(chunk.data) for chunk in source.run._chunks)
    assert held <= 2 * 64 * 1024
    assert texts(ring, lines=1) == [b"z" * 400]
