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


class Batch(NamedTuple):
    """What comes next: first what was missed, then the pieces. `live`: it had caught up with the ring."""

    pieces: tuple[Piece, ...]
    missed: tuple[Missed, ...]
    live: bool
