"""A search for the last lines that pass a selection, from the newest to the oldest, in slices.

It holds no line back from a ring that moves on meanwhile: what goes before the search has come to it is not found.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field

from libs.loglines.selection import BadSelection, Selection
from services.logger.newest import Found, last_lines, merged, wanted
from services.logger.ring import Ring, Source
from services.logger.sifting import SLICE, Job, Sifter, Sifting, Slice

SEARCH_SECONDS = 10.0  # of work that the search of one read with a pattern may take


@dataclass(slots=True)
class _Stretch:
    """What is yet to be searched of a source, and what was found in it, the newest first."""

    source: Source
    number: int  # of the line behind the last one that is to be searched
    numbers: list[int] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)


class Search(Job):
    """The last `count` lines that pass, of those that are there now. `width`: what is kept of a line; None: all."""

    def __init__(self, ring: Ring, selection: Selection, count: int, *, width: int | None = None) -> None:
        self.selection = selection
        self._count = count
        self._width = width
        self._todo = [_Stretch(source, source.end) for source in wanted(ring, selection)] if count > 0 else []
        self._searched: list[_Stretch] = []
        self._block = b""  # of the last one to do, up to its number
        self._end = 0  # bytes of that which are yet to be searched
        self._slice: Slice | None = None

    @property
    def done(self) -> bool:
        """See `Job`."""
        self._go_on()  # what is not read yet may be gone since
        return not self._todo

    def peek(self) -> Slice:
        """See `Job`; only where it is not done now."""
        if self._slice is None:
            if not self._end:
                stretch = self._todo[-1]
                source = stretch.source
                self._block = source.run.before(stretch.number - source.first)
                self._end = len(self._block)
            begin = line_begin(self._block, self._end)
            stored = self._block[begin : self._end].split(b"\n")
            stored.pop()
            self._slice = Slice(stored, self._end - begin)
        return self._slice

    def take(self, chosen: list[int]) -> None:
        """See `Job`."""
        stored, size = self.peek()
        stretch = self._todo[-1]
        self._slice = None
        self._end -= size
        stretch.number -= len(stored)
        left = self._count - len(stretch.lines)
        newest = chosen[::-1][:left]
        stretch.numbers += [stretch.number + index for index in newest]
        stretch.lines += [stored[index][: self._width] for index in newest]

    def found(self) -> list[Found]:
        """Those of all sources, oldest first; each source's in its own order."""
        all_ = [*self._todo, *reversed(self._searched)]
        return merged(((one.source, one.numbers[::-1], one.lines[::-1]) for one in all_), self._count)

    def _go_on(self) -> None:
        """Leave sources of which nothing more is to be searched."""
        while self._todo:
            one = self._todo[-1]
            if len(one.lines) < self._count and (self._end or one.number > one.source.first):
                return
            self._block, self._end = b"", 0
            self._searched.append(self._todo.pop())


def line_begin(block: bytes, end: int) -> int:
    """Where the lines begin that end at `end` and have at most `SLICE` bytes; of a longer line, where that begins."""
    if end <= SLICE:
        return 0
    newline = block.find(b"\n", end - SLICE - 1, end - 1)
    return (newline if newline >= 0 else block.rfind(b"\n", 0, end - 1)) + 1


async def last_lines_aside(
    ring: Ring, selection: Selection, count: int, sifting: Sifting, *, left: Callable[[], bool] = lambda: False
) -> list[Found]:
    """`last_lines` for a reader whose pattern may take long: it holds up nobody.

    `left`: whether the reader is gone; then nothing is looked for any more, and nothing found. Raises `BadSelection`
    when the pattern takes too long, and `TooManyReads`.
    """
    if selection.grep is None or count <= 0:
        return last_lines(ring, selection, count)
    with sifting.reads.place(ring):
        search, sifter = Search(ring, selection, count), Sifter(sifting, key=(ring, "read"))
        while not (search.done or sifter.slow or left()):
            await sifter.step(search)
        async with sifting.reads.turn(ring) if sifter.slow else nullcontext():
            while not (search.done or left()):
                if sifter.spent > SEARCH_SECONDS:
                    raise BadSelection(
                        f"grep is {selection.grep!r}; its search took longer than {SEARCH_SECONDS:g} s;"
                        " it must be a simpler pattern, or process or instance must leave it fewer lines"
                    )
                await sifter.step(search)
        return [] if left() else search.found()
