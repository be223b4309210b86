from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from libs.engine import LogPiece
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
