"""What a feed tells its reader."""

from __future__ import annotations

from typing import NamedTuple

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
        """These and more of the same kind, at known times."""
        lines = None if self.lines is None or more.lines is None else self.lines + more.lines
        since, until = min(self.since or 0, more.since or 0), max(self.until or 0, more.until or 0)
        return Missed(lines, since, until, self.why)


class Batch(NamedTuple):
    """What comes next: first what was missed, then the pieces. `live`: it had caught up with the ring."""

    pieces: tuple[Piece, ...]
    missed: tuple[Missed, ...]
    live: bool


def left_out(block: bytes, lines: int | None) -> Missed:
    """What a reader misses that was too slow for a block, of which so many lines were its."""
    return Missed(lines, int(block[:16], 16), int(block[block.rfind(b"\n", 0, -1) + 1 :][:16], 16), "slow")
