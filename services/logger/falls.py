"""Where the times of a source's lines fall, as a clock that is set back makes them: how far, and in which lines."""

from __future__ import annotations

from typing import NamedTuple

MOST = 8  # falls of a source that are told apart


class Fall(NamedTuple):
    """Lines of these numbers; each is of at most `depth` ns before the latest time of any line before it."""

    begin: int
    end: int
    depth: int


def depth_of(latest: bytes, times: list[bytes]) -> int:
    """How far times fall, ns; 0 where none is before an earlier one, or before the latest one until then."""
    depth = 0
    for at in times:
        if at >= latest:
            latest = at
        else:
            depth = max(depth, int(latest, 16) - int(at, 16))
    return depth


def fallen(falls: tuple[Fall, ...], fall: Fall) -> tuple[Fall, ...]:
    """One more, behind all others; it is joined with its neighbour, and where they are too many the oldest two are."""
    if falls and falls[-1].end == fall.begin:
        return (*falls[:-1], _joined(falls[-1], fall))
    if len(falls) >= MOST:
        falls = (_joined(falls[0], falls[1]), *falls[2:])
    return (*falls, fall)


def depth_within(falls: tuple[Fall, ...], begin: int, end: int) -> int:
    """The deepest one of the lines from `begin` up to `end`, that one included."""
    return max((fall.depth for fall in falls if fall.begin <= end and begin < fall.end), default=0)


def _joined(one: Fall, other: Fall) -> Fall:
    return Fall(one.begin, other.end, max(one.depth, other.depth))
