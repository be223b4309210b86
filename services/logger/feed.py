"""A feed: one reader of a ring. What was comes first, then what comes, and no line is between the two or told twice."""

from __future__ import annotations

import asyncio
from time import monotonic

from libs.loglines.selection import Selection
from services.logger.feed_batch import Batch, Missed, Piece, left_out
from services.logger.feed_group import Group
from services.logger.feed_past import Past, sought
from services.logger.feed_place import Cursor, Place, Seek
from services.logger.feed_sieve import Taken, Unsifted, Waiting
from services.logger.newest import wanted
from services.logger.ring import Ring, Source
from services.logger.search import Search
from services.logger.sifting import Sifting

__all__ = ["Batch", "Cursor", "Feed", "Missed", "Piece", "Place", "RingGone"]

WINDOW = 256 * 1024  # bytes read from the ring at once
GATHER_SECONDS = 0.02  # that a line waits for those of other instances, to be merged with them
MUCH = 256 * 1024  # bytes that wait for nothing
PLACE_SECONDS = 5.0  # between pieces that only tell places, so that a cursor is not older than the ring's lines
BLOCK_WEIGHT = 128  # bytes that a waiting block takes beside its own
MOST_SEEKS = 4096  # places by time that are kept for instances which are not here


class RingGone(Exception):
    """The app was forgotten: its ring is no more."""


class Feed:
    """Reads a ring for one reader, who calls `batch` again and again, and `close` at the end.

    While it is behind, it reads from the ring. Then lines are put into its own queue as they come: references to the
    blocks, which all feeds share. The queue holds `bound` bytes; beyond them lines are left out and counted.

    Where there is a pattern, lines wait before it has seen them, and `batch` lets it: what it takes is this reader's
    time alone, and of what is left out meanwhile nobody knows how much would have passed.
    """

    def __init__(self, ring: Ring, selection: Selection, past: Past, sifting: Sifting, *, bound: int) -> None:
        self._ring = ring
        self._selection = selection
        self._group = Group.of(ring, selection, sifting)
        self._group.join(self)
        self._past: Past | None = past
        self.start = past.start()  # where its reader stands before the first batch, by instance, once that is there
        self.start_reach = self._reach = past.reach()  # and its reach, as `Cursor` has it
        self._seeks: dict[str, Seek] = {}
        self._bound = bound
        self._waiting: dict[Source, Waiting] = {}
        self._size = 0  # bytes that wait, those that were taken and are not told yet included
        self._taken: Taken | None = None
        self._left: Missed | None = None  # what was left out behind that which waits
        self._missed: list[Missed] = []  # what is to be told before that which waits
        self._behind: list[Piece] = []  # and the places behind it
        self._behind_reach = 0
        self._told: dict[Source, int] = {}  # the number behind what the reader knows of
        self._gone = False
        self._some = asyncio.Event()
        self._much = asyncio.Event()
        self._began = 0.0  # when the oldest line that waits was put
        self._placed = 0.0  # when all places were told last

    async def batch(self) -> Batch:
        """Wait for something to tell. The first batch comes at once, and may be empty. Raises `RingGone`.

        A caller that is cancelled loses nothing.
        """
        while True:
            taken = self._taken or await self._next()
            if taken is not None:
                self._taken = taken
                if (sifter := self._group.sifter) is not None:
                    for unsifted in taken.unsifted():
                        await sifter.finish(unsifted)
                self._taken = None
                batch = self._tell(taken)
                if batch.pieces or batch.missed or batch.reach is not None or taken.due:
                    return batch
            await asyncio.sleep(0)

    async def _next(self) -> Taken | None:
        """What is told next; None where there may be more at once."""
        past = self._past
        if past is not None and not self._gone:
            if past.search is None:
                return self._read(past)
            await self._search(past, past.search)
            return None
        while not self._waiting and not self._missed and self._left is None:
            if self._gone:
                raise RingGone(self._ring.app)
            self._some.clear()
            try:
                async with asyncio.timeout(PLACE_SECONDS):
                    await self._some.wait()
            except TimeoutError:
                places, reach = self._places(), self._reached(self._ring.number)
                if places or reach is not None:
                    return Taken({}, [], live=True, after=places, reach=reach)
        if not self._gone and (rest := self._began + GATHER_SECONDS - monotonic()) > 0:
            try:
                async with asyncio.timeout(rest):
                    await self._much.wait()
            except TimeoutError:
                pass
        return self._take()

    async def _search(self, past: Past, search: Search) -> None:
        """Look on for where the past begins."""
        if search.done:
            past.searched(search)
            self.start, self.start_reach = past.start(), past.reach()
            self._reach = self.start_reach
        elif (sifter := self._group.sifter) is not None:
            await sifter.step(search)

    def close(self) -> None:
        """Read no more."""
        self._group.leave(self)
        self._waiting.clear()
        self._taken = None

    def put(self, source: Source, block: bytes, lines: int, unsifted: Unsifted | None) -> None:
        """Lines that pass, or that may, are about to be stored."""
        size = len(block) + BLOCK_WEIGHT
        if self._left is not None or (self._size and self._size + size > self._bound):
            self._leave_out(left_out(source, block, lines if unsifted is None else None))
            return
        waiting = self._waiting.get(source)
        if waiting is None:
            if not self._waiting:
                self._began = monotonic()
                self._some.set()
            waiting = self._waiting[source] = Waiting()
        waiting.add(block, lines, unsifted)
        self._size += size
        if self._size >= MUCH:
            self._much.set()

    def seek(self, source: Source, block: bytes, lines: int) -> bool:
        """Lines of an instance whose place is sought by time: tell only those behind it."""
        seek = self._seeks.get(source.instance)
        if seek is None:
            return False
        seek.found |= seek.here and source.continued
        block, lines, missed = sought(seek, block)
        if seek.found:
            del self._seeks[source.instance]
            if not self._seeks:
                self._group.seeking.pop(self, None)
        if missed is not None:
            self._missed.append(missed)
            self._some.set()
        passed = self._group.cheap.passing(block, lines) if lines else None
        if passed is not None and passed.lines:
            self.put(source, passed.block, passed.lines, self._group.unsifted(passed.block, passed.lines))
        return True

    def forgot(self, source: Source) -> None:
        """A source without lines was forgotten; should its instance come again, lines that it had are no news."""
        self._told.pop(source, None)
        if self._past is not None:
            self._past.forgot(source)
        elif len(self._seeks) < MOST_SEEKS:
            self._seeks[source.instance] = Seek(source.place, here=True)
            self._group.seeking[self] = None

    def gone(self) -> None:
        """The ring is no more."""
        self._gone = True
        self._some.set()
        self._much.set()

    def _read(self, past: Past) -> Taken | None:
        """The next lines of the past; with the last of them the feed is live. None where none may pass."""
        pieces, missed, done = past.window(WINDOW)
        waiting: dict[Source, Waiting] = {}
        for source, block, lines, *place in pieces:
            read = waiting[source] = Waiting(Place(*place))
            read.add(block, lines, self._group.unsifted(block, lines))
            self._told[source] = place[0]
        if not (pieces or missed or done):
            return None
        taken = Taken(waiting, missed, live=done, due=done, placed=done or bool(missed) or not self._placed)
        if taken.placed:
            # Who breaks off here is not told again what it knows, nor what is older than it wants.
            self._placed = monotonic()
            taken.after = [piece for piece in past.places() if self._told.get(piece.source) != piece.next]
            self._told.update({piece.source: piece.next for piece in taken.after})
        if done:
            self._past = None
            self._seeks = past.seeks
            self._group.live[self] = None
            if self._seeks:
                self._group.seeking[self] = None
            taken.after = [*taken.after, *self._places()]
            taken.reach = self._reached(self._ring.number)
        return taken

    def _take(self) -> Taken:
        """All that waits."""
        taken = Taken(self._waiting, self._missed, live=True, size=self._size)
        reach = self._behind_reach if self._missed else 0
        if self._behind:
            taken.before = [piece for piece in self._behind if piece.source not in self._waiting]
            self._told.update({piece.source: piece.next for piece in taken.before})
        for source, waiting in self._waiting.items():
            waiting.place = waiting.place or source.place
            self._told[source] = waiting.place.next
        # Who is told that lines were missed is told all places behind them, lest they are told again.
        taken.placed = bool(self._behind or self._missed) or monotonic() - self._placed >= PLACE_SECONDS
        self._missed, self._behind = [], []
        if self._left is not None:
            # It comes behind these; who was told of it has passed by all that there is now.
            self._missed.append(self._left)
            self._behind, self._behind_reach = self._unknown(), self._ring.number
            self._left = None
        elif taken.placed:
            taken.after, reach = self._places(), self._ring.number
        taken.reach = self._reached(reach)
        self._waiting = {}
        self._much.clear()
        return taken

    def _tell(self, taken: Taken) -> Batch:
        """What was taken, now that it is sifted."""
        self._size -= taken.size
        batch = taken.batch()
        if not taken.placed:
            for source, waiting in taken.waiting.items():
                if not waiting.lines:
                    self._told.pop(source, None)
        return batch

    def _places(self) -> list[Piece]:
        """The places of sources whose newest lines the selection left out."""
        self._placed = monotonic()
        pieces = self._unknown()
        self._told.update({piece.source: piece.next for piece in pieces})
        return pieces

    def _reached(self, number: int) -> int | None:
        """How far the reader knows all, where that is news to it."""
        if number <= self._reach:
            return None
        self._reach = number
        return number

    def _unknown(self) -> list[Piece]:
        """The places at the end of sources where the reader does not know of that."""
        behind = [one for one in wanted(self._ring, self._selection) if self._told.get(one) != one.end]
        return [Piece(source, b"", 0, *source.place) for source in behind if source.instance not in self._seeks]

    def _leave_out(self, left: Missed) -> None:
        """The queue is full, and cannot take this."""
        if self._left is None:
            for source, waiting in self._waiting.items():
                waiting.place = source.place
        self._left = left if self._left is None else self._left.joined(left)
