from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.engine import EngineUnavailable, LogPiece
from libs.engine.drivers.docker.logs import Place

outputs = st.lists(st.integers(0, 5), max_size=30).map(
    lambda times: [LogPiece(at, "stdout", str(number).encode()) for number, at in enumerate(sorted(times))]
)


def read(place: Place, output: Sequence[LogPiece]) -> list[LogPiece]:
    """Read on as the engine answers: everything from the place's time on."""
    return [piece for piece in output if piece.at >= place.at and place.is_new(piece)]


@given(outputs, st.lists(st.integers(0, 30)))
def test_output_that_is_read_in_parts_is_read_once(output: list[LogPiece], breaks: list[int]) -> None:
    place, got = Place(0), []
    for end in sorted(min(cut, len(output)) for cut in [*breaks, len(output)]):
        got += read(place, output[:end])
        place.rewind()
    assert got == output


def test_streams_whose_times_lie_across_each_other_are_read_once() -> None:
    output = [LogPiece(10, "stdout", b"out"), LogPiece(5, "stderr", b"err")]
    place = Place(0)
    got = read(place, output)
    place.rewind()
    output.append(LogPiece(20, "stdout", b"after the restart"))
    got += read(place, output)
    assert got == output


def test_output_that_was_rotated_away_between_two_runs_is_no_silent_hole() -> None:
    place = Place(0)
    read(place, [LogPiece(10, "stdout", b"read")])
    place.rewind()
    with pytest.raises(EngineUnavailable):
        read(place, [LogPiece(20, "stdout", b"what is left")])


def test_a_tail_does_not_reach_back_behind_its_begin() -> None:
    place = Place(100)
    read(place, [LogPiece(101, "stdout", b"new")])
    place.rewind()
    assert place.at == 100
