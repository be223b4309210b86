"""What a feed tells its reader."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from services.logger.falls import depth_within
from services.logger.ring import Source


class Piece(NamedTuple):
    """Lines of one source that pass the selection, in its order, and the reader's place behind them.

    `next`, `at` and `nth` are as `Place` has them, lines that the selection left out included. A piece without lines
    tells the place alone.
    """

    source: Source
    block: bytes
    lines: int
    next: int
    at: int
    nth: int


class Missed(NamedTuple):
    """Lines that passed and that this feed does not get; None is what nobody knows. Times are ns."""

    lines: int | None
    since: int | None
    until: int | None
    why: str  # `slow`: it did not read fast enough; `evicted`: they were gone when it came

    def joined(self, more: Missed) -> Missed:
        """These and more of the same kind; what nobody knows of some, nobody knows of all."""
        lines = None if self.lines is None or more.lines is None else self.lines + more.lines
        since = None if self.since is None or more.since is None else min(self.since, more.since)
        until = None if self.until is None or more.until is None else max(self.until, more.until)
        return Missed(lines, since, until, self.why)


class Batch(NamedTuple):
    """What comes next: first what was missed, then the pieces. `live`: it had caught up with the ring.

    `reach` is as `Cursor` has it, behind this batch; None: as it was.
    """

    pieces: tuple[Piece, ...]
    missed: tuple[Missed, ...]
    live: bool
    reach: int | None = None


def joined(missed: Iterable[Missed]) -> list[Missed]:
    """One for all lines of a kind that were counted, and one for those of which nobody knows how many they are."""
    kinds: dict[tuple[str, bool], Missed] = {}
    for one in missed:
        kind = one.why, one.lines is None
        kinds[kind] = kinds[kind].joined(one) if kind in kinds else one
    return list(kinds.values())


def left_out(source: Source, block: bytes, lines: int | None) -> Missed:
    """What a reader misses that was too slow for a block about to be stored, of which so many lines were its."""
    since, until = int(block[:16], 16), int(block[block.rfind(b"\n", 0, -1) + 1 :][:16], 16)
    depth = depth_within(source.falls, source.end, source.end)
    return Missed(lines, max(since - depth, 0), until + depth, "slow")
