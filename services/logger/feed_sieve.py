"""What of a feed's lines waits for its reader, and for a pattern's word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from libs.loglines.selection import Selection
from services.logger.feed_batch import Batch, Missed, Piece
from services.logger.feed_place import Place
from services.logger.ring import Source
from services.logger.sifting import SLICE, Job, Slice


class Unsifted(Job):
    """A block of which a pattern has yet to say what passes; feeds of one selection share it, and so the work.

    Once it is done, `block` and `lines` are what passes; `size` stays that of all.
    """

    def __init__(self, selection: Selection, block: bytes, lines: int) -> None:
        self.selection = selection
        self.block = block
        self.lines = lines
        self.size = len(block)
        self._at = 0
        self._passing: list[bytes] = []
        self._slice: Slice | None = None

    @property
    def done(self) -> bool:
        """See `Job`."""
        return self._at == self.size

    def peek(self) -> Slice:
        """See `Job`."""
        if self._slice is None:
            end = line_end(self.block, self._at)
            stored = self.block[self._at : end].split(b"\n")
            stored.pop()
            self._slice = Slice(stored, end - self._at)
        return self._slice

    def take(self, chosen: list[int]) -> None:
        """See `Job`."""
        stored, size = self.peek()
        self._slice = None
        self._passing += [stored[index] for index in chosen]
        self._at += size
        if self.done:
            if len(self._passing) < self.lines:
                self.block = b"".join([line + b"\n" for line in self._passing])
                self.lines = len(self._passing)
            self._passing = []


class Waiting:
    """Lines of one source that wait for the reader. `place`: behind them; None: at the end of the source."""

    __slots__ = ("blocks", "lines", "place", "unsifted")

    def __init__(self, place: Place | None = None) -> None:
        self.blocks: list[bytes] = []
        self.lines = 0
        self.unsifted: list[Unsifted] = []  # instead of the blocks, where there is a pattern
        self.place = place

    def add(self, block: bytes, lines: int, unsifted: Unsifted | None) -> None:
        """These come next."""
        if unsifted is None:
            self.blocks.append(block)
            self.lines += lines
        else:
            self.unsifted.append(unsifted)

    def sift(self) -> None:
        """All that was unsifted is done."""
        self.blocks = [one.block for one in self.unsifted if one.lines]
        self.lines = sum(one.lines for one in self.unsifted)
        self.unsifted = []


@dataclass(slots=True)
class Taken:
    """What the reader is told next, as soon as no pattern has a word about it any more."""

    waiting: dict[Source, Waiting]  # each with its place
    missed: list[Missed]
    live: bool
    size: int = 0  # bytes in the queue
    due: bool = False  # it is told even if nothing is in it
    placed: bool = False  # the places of sources of which nothing passed are told
    before: Sequence[Piece] = ()
    after: Sequence[Piece] = ()
    reach: int | None = None

    def unsifted(self) -> Iterator[Unsifted]:
        """What a pattern has yet to see."""
        return (one for waiting in self.waiting.values() for one in waiting.unsifted if not one.done)

    def batch(self) -> Batch:
        """What is told; nothing is unsifted."""
        pieces = [*self.before]
        for source, waiting in self.waiting.items():
            if waiting.unsifted:
                waiting.sift()
            if (waiting.lines or self.placed) and (place := waiting.place) is not None:
                block = waiting.blocks[0] if len(waiting.blocks) == 1 else b"".join(waiting.blocks)
                pieces.append(Piece(source, block, waiting.lines, *place))
        return Batch((*pieces, *self.after), tuple(self.missed), live=self.live, reach=self.reach)


def line_end(block: bytes, begin: int) -> int:
    """Where the lines end that begin at `begin` and have at most `SLICE` bytes; of a longer line, where that ends."""
    if begin + SLICE >= len(block):
        return len(block)
    return block.rfind(b"\n", begin, begin + SLICE) + 1 or block.index(b"\n", begin) + 1
