"""Reading on from a position: every line once, whatever the times, wherever it was left; and holes are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.engine import LogPiece
from libs.engine.track import SLACK, Place
from libs.loglines import Kind, Line, lines_of
from services.log_agent.position import BadPosition, Position
from services.log_agent.reading import Reading

StreamName = Literal["stdout", "stderr"]
BEGIN = 1_700_000_000_000_000_000


@dataclass
class Said:
    """What an instance said, as its engine's file has it."""

    pieces: list[LogPiece] = field(default_factory=list)

    def since(self, since: int) -> list[LogPiece]:
        return [piece for piece in self.pieces if piece.at >= since]


@st.composite
def outputs(draw: st.DrawFn, *, back: bool = False) -> Said:
    """Lines of one to three pieces (which share a time, as Docker's do) of two streams, the streams mixed."""
    clock, waiting = BEGIN, dict[StreamName, list[LogPiece]](stdout=[], stderr=[])
    said = Said()
    streams: tuple[StreamName, ...] = ("stdout", "stderr")
    for number in range(draw(st.integers(0, 25))):
        stream = draw(st.sampled_from(streams))
        clock += draw(st.sampled_from([0, 0, 1, 1000, SLACK // 2, 3 * SLACK]))
        if back and draw(st.integers(0, 5)) == 0:
            clock -= draw(st.sampled_from([1, 2000, SLACK // 2]))
            back = False
        if not waiting[stream]:
            parts = draw(st.integers(1, 3))
            for part in range(parts):
                end = b"\n" if part == parts - 1 else b""
                waiting[stream].append(LogPiece(clock, stream, b"%d.%d" % (number, part) + end))
        said.pieces.append(waiting[stream].pop(0))
    for stream in streams:
        said.pieces += waiting[stream]
    return said


def lines(stored: list[bytes]) -> list[Line]:
    return list(lines_of(b"".join(stored)))


def read_all(said: Said) -> list[Line]:
    reading = Reading()
    return lines([line for piece in said.pieces for line in reading.add(piece)])


def read_in_parts(said: Said, stops: list[int]) -> list[Line]:
    """Read, leaving off after so many further pieces each time, and go on from the position, as text."""
    stored: list[bytes] = []
    reading = Reading()
    seen = 0
    for stop in [*stops, 10**9]:
        seen = min(seen + stop, len(said.pieces))
        offered = [piece for piece in said.pieces[:seen] if piece.at >= reading.since]
        for piece in offered:
            stored += reading.add(piece)
        reading = Reading(Position.decode(reading.position.encode()))
    return lines(stored)


def times(order: list[Line]) -> list[bytes]:
    return [line.text for line in order]


@given(outputs(), st.lists(st.integers(0, 8), max_size=12))
@settings(max_examples=300)
def test_a_reading_that_is_left_and_taken_up_gives_every_line_once(said: Said, stops: list[int]) -> None:
    whole, parted = read_all(said), read_in_parts(said, stops)
    assert len(whole) == len(parted)
    for kind in (Kind.OUT, Kind.ERR):
        assert [line for line in whole if line.kind is kind] == [line for line in parted if line.kind is kind]


@given(outputs(back=True), st.lists(st.integers(0, 8), max_size=12))
@settings(max_examples=300)
def test_a_clock_that_steps_back_costs_no_line(said: Said, stops: list[int]) -> None:
    missing = set(read_all(said)) - set(read_in_parts(said, stops))
    assert not missing


def piece(at: int, data: bytes, stream: StreamName = "stdout") -> LogPiece:
    return LogPiece(at, stream, data)


def test_output_that_was_rotated_away_unread_is_told_with_its_times() -> None:
    reading = Reading()
    reading.add(piece(BEGIN, b"read\n"))
    later = Reading(reading.position)
    stored = later.add(piece(BEGIN + 3600 * 10**9, b"what is left\n"))
    gap, line = lines(stored)
    assert gap.kind is Kind.GAP
    assert gap.text == (
        b"lines may be missing: what was said between 2023-11-14T22:13:20UTC and 2023-11-14T23:13:20UTC"
        b" was rotated away before it was read"
    )
    assert line.text == b"what is left"
    assert later.gaps == 1


def test_nothing_is_told_missing_where_the_last_line_read_is_still_there() -> None:
    reading = Reading()
    reading.add(piece(BEGIN, b"a\n"))
    later = Reading(reading.position)
    assert later.add(piece(BEGIN, b"a\n")) == []
    assert times(lines(later.add(piece(BEGIN + 10**12, b"b\n")))) == [b"b"]
    assert later.gaps == 0


def test_an_older_line_of_the_other_stream_that_is_gone_is_no_hole() -> None:
    reading = Reading()
    reading.add(piece(BEGIN, b"out\n"))
    reading.add(piece(BEGIN + 10, b"err\n", "stderr"))
    later = Reading(reading.position)
    later.add(piece(BEGIN + 10, b"err\n", "stderr"))
    assert times(lines(later.add(piece(BEGIN + 20, b"out 2\n")))) == [b"out 2"]
    assert later.gaps == 0


def test_a_line_that_had_begun_is_read_again_from_its_begin() -> None:
    reading = Reading()
    reading.add(piece(BEGIN, b"begun, "))
    reading.add(piece(BEGIN + 10 * SLACK, b"meanwhile\n", "stderr"))
    later = Reading(reading.position)
    assert later.since <= BEGIN
    assert later.add(piece(BEGIN, b"begun, ")) == []
    assert later.add(piece(BEGIN + 10 * SLACK, b"meanwhile\n", "stderr")) == []
    assert times(lines(later.add(piece(BEGIN, b"and ended\n")))) == [b"begun, and ended"]


def test_a_silent_stream_does_not_make_the_engine_read_from_long_ago() -> None:
    reading = Reading()
    reading.add(piece(BEGIN, b"once\n", "stderr"))
    for n in range(5):
        reading.add(piece(BEGIN + n * 100 * SLACK, b"tick\n"))
    assert reading.position.since == BEGIN + 400 * SLACK - SLACK


def test_the_end_gives_what_had_no_newline_and_goes_on_behind_it() -> None:
    reading = Reading()
    reading.add(piece(BEGIN, b"bye"))
    assert times(lines(reading.end())) == [b"bye"]
    assert reading.end() == []
    assert Reading(reading.position).add(piece(BEGIN, b"bye")) == []


def test_a_cut_line_is_marked_and_its_bytes_are_counted() -> None:
    reading = Reading()
    for _ in range(20):
        reading.add(piece(BEGIN, b"x" * 16384))
    [line] = lines(reading.add(piece(BEGIN, b"\n")))
    assert line.kind is Kind.OUT_CUT
    assert reading.cut == 20 * 16384 - 256 * 1024
    assert line.text.endswith(b" [deis: %d bytes cut]" % reading.cut)


@pytest.mark.parametrize("text", ["", "x", "[]", "[1,[2,3,4]]", '[1,["2",3,4],[5,6,7]]', "[1,[2,3],[4,5,6]]", "null"])
def test_a_text_that_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(BadPosition):
        Position.decode(text)


def test_a_position_is_its_text() -> None:
    position = Position(1, Place(2, 3, 4), Place(5, 6, 7))
    assert Position.decode(position.encode()) == position


def test_a_piece_of_another_time_is_another_line_though_the_newline_is_missing() -> None:
    reading = Reading()
    for data in (b"x" * 16384, b"y"):
        assert reading.add(piece(BEGIN, data)) == []
    behind_nothing = reading.position
    assert times(lines(reading.add(piece(BEGIN + 1, b"begun ")))) == [b"x" * 16384 + b"y"]
    assert behind_nothing.out.nth == 0
    assert reading.position.out == Place(BEGIN, 2, BEGIN)
    assert times(lines(reading.add(piece(BEGIN + 1, b"and ended\n")))) == [b"begun and ended"]
    assert reading.position.out == Place(BEGIN + 1, 2, BEGIN + 1)


def test_what_an_open_stream_says_again_is_doubted() -> None:
    reading = Reading()
    said = [piece(BEGIN, b"a\n"), piece(BEGIN + 1, b"b\n")]
    for one in said:
        assert not reading.repeats(one)
        reading.add(one)
    assert all(reading.repeats(one) for one in said)
    assert not reading.repeats(piece(BEGIN + 1, b"c\n"))
    assert not reading.repeats(piece(BEGIN, b"a\n", "stderr"))


def test_what_is_sought_behind_a_position_is_no_repeat_until_it_is_found() -> None:
    reading = Reading()
    said = [piece(BEGIN, b"a\n"), piece(BEGIN + 1, b"b\n")]
    for one in said:
        reading.add(one)
    later = Reading(reading.position)
    for one in said:
        assert not later.repeats(one)
        later.add(one)
    assert all(later.repeats(one) for one in said)


def test_equal_pieces_of_one_line_are_its_parts() -> None:
    reading = Reading()
    reading.add(piece(BEGIN, b"x" * 16384))
    assert not reading.repeats(piece(BEGIN, b"x" * 16384))
