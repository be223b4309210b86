"""What a feed has yet to be told of a ring's past: it reads on from the ring bit by bit."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

from libs.loglines.selection import Selection
from services.logger.falls import depth_within
from services.logger.feed_batch import Missed, Piece
from services.logger.feed_group import cheap_part
from services.logger.feed_place import NO_TIME, Cursor, Place, Seek, behind
from services.logger.newest import Found, last_lines, wanted
from services.logger.ring import Ring, Source
from services.logger.search import Search

LEAST = 4096  # bytes of a source in a window


@dataclass(slots=True)
class Stand:
    """How far a feed has read a source: the number of the next line, and the times up to there."""

    number: int
    latest: bytes
    nth: int
    why: str = "slow"  # why lines are gone that it wanted next


class Past:
    """Reads on from a stand in each source until it has caught up with the ring.

    `seeks` holds places of another memory by instance; one that is found goes. `search` looks for where to
    begin, and must be `searched` before a window is read; what came since it began is behind that in any case.
    """

    def __init__(self, ring: Ring, selection: Selection) -> None:
        self.seeks: dict[str, Seek] = {}
        self.search: Search | None = None
        self._ring = ring
        self._selection = selection
        self._cheap = cheap_part(selection)
        self._reach = ring.number
        self._stands: dict[Source, Stand] = {}
        self._missed: list[Missed] = []

    @classmethod
    def from_last(cls, ring: Ring, selection: Selection, lines: int) -> Past:
        """The last lines that pass, and what follows them."""
        past = cls(ring, selection)
        for source in wanted(ring, selection):
            past._stands[source] = _stand_at(source, source.end)
        if selection.grep is not None and lines:
            past.search = Search(ring, selection, lines, width=len(NO_TIME))
        else:
            past._begin_at(last_lines(ring, selection, lines))
        return past

    def searched(self, search: Search) -> None:
        """Where to begin is known."""
        self.search = None
        self._begin_at(search.found())

    def _begin_at(self, lines: list[Found]) -> None:
        """Begin with the first of these lines of each source, unless it was forgotten."""
        numbers: dict[Source, int] = {}
        for found in lines:
            numbers.setdefault(found.source, found.number)
        for source, number in numbers.items():
            if source in self._stands:
                self._stands[source] = _stand_at(source, number)

    @classmethod
    def from_cursor(cls, ring: Ring, selection: Selection, cursor: Cursor, *, same: bool) -> Past:
        """Everything behind a cursor; `same`: it counts in this memory's numbers."""
        past = cls(ring, selection)
        past._reach = cursor.reach if same else 0
        if same and cursor.reach < ring.forgotten:
            past._missed.append(Missed(None, None, int(ring.forgotten_latest, 16) or None, "evicted"))
        for instance, place in cursor.sources.items():
            source = ring.source(instance)
            if same and source is not None and source.born <= place.next <= source.end:
                past._stands[source] = Stand(place.next, b"%016x" % place.at, place.nth, "evicted")
            elif not (same and source is not None and source.continued and place.next < source.born):
                past.seeks[instance] = Seek(place, here=same)
        for source in wanted(ring, selection):
            if source not in past._stands and source.instance not in past.seeks:
                past._stands[source] = Stand(source.born if same else source.first, NO_TIME, 0, "evicted")
        return past

    def start(self) -> dict[str, Place]:
        """Where it stands, by instance; before the oldest line, that line's time tells the place."""
        places: dict[str, Place] = {}
        for source, stand in self._stands.items():
            oldest = stand.latest == NO_TIME and stand.number == source.first and source.run.lines
            at = source.run.first_time() if oldest else int(stand.latest, 16)
            places[source.instance] = Place(stand.number, at, stand.nth)
        return places

    def reach(self) -> int:
        """Of a reader that stands there, as `Cursor` has it."""
        news = [source.reached - 1 for source, stand in self._stands.items() if stand.number < source.end]
        return min([self._reach, *news])

    def forgot(self, source: Source) -> None:
        """A source was forgotten: its untold lines had gone before. What comes of it again is sought."""
        if not self._selection.wants(source.process, source.instance, source.release):
            return
        stand = self._stand(source)  # it may have come since the last window
        if stand.number < source.end:
            self._skip(source, stand)
        del self._stands[source]
        self.seeks[source.instance] = Seek(source.place, here=True)

    def window(self, size: int) -> tuple[list[Piece], list[Missed], bool]:
        """The next lines in about `size` bytes; what was missed before them; whether that is all that the ring has.

        No later window has a line that belongs before one of these. No pattern has seen them yet.
        """
        todo = []
        for source in wanted(self._ring, self._selection):
            stand = self._stand(source)
            if stand.number < source.first:
                self._skip(source, stand)
            if stand.number < source.end:
                todo.append((source, stand))
        share = max(size // len(todo), LEAST) if todo else 0
        read = [(source, stand, *source.run.read(stand.number - source.first, share)) for source, stand in todo]
        if len(read) > 1:
            read = _up_to_horizon(read)
        pieces = [piece for one in read if (piece := self._told(*one)) is not None]
        missed, self._missed = self._missed, []
        done = all(stand.number == source.end for source, stand in todo)
        return pieces, missed, done

    def places(self) -> list[Piece]:
        """How far each source is read, where that is not sought by time."""
        return [
            Piece(source, b"", 0, stand.number, int(stand.latest, 16), stand.nth)
            for source, stand in self._stands.items()
            if source.instance not in self.seeks
        ]

    def _stand(self, source: Source) -> Stand:
        """Where a source is read on; one that came since is read from its begin."""
        stand = self._stands.get(source)
        if stand is None:
            if source.continued and (seek := self.seeks.get(source.instance)) is not None and seek.here:
                del self.seeks[source.instance]
            stand = self._stands[source] = Stand(source.born, NO_TIME, 0)
        return stand

    def _skip(self, source: Source, stand: Stand) -> None:
        """Lines went that were to be read next. Where a place is still sought, times tell whether they were news."""
        seek = self.seeks.get(source.instance)
        if seek is None:
            self._lose(source, stand, source.first)
        elif not source.run.lines and source.latest > seek.at:
            since = max(int(seek.at, 16) - depth_within(source.falls, source.born, source.end), 0)
            self._missed.append(Missed(None, since, int(source.latest, 16), "evicted"))
            del self.seeks[source.instance]
        stand.number = source.first

    def _lose(self, source: Source, stand: Stand, number: int) -> None:
        """The lines up to that number are gone."""
        lines = number - stand.number if self._selection.whole else None
        depth = depth_within(source.falls, stand.number, number)
        since, until = int(stand.latest, 16), int(source.latest, 16)
        if source.run.lines:
            until = min(until, source.run.first_time() + depth)
        self._missed.append(Missed(lines, max(since - depth, 0) or None, until, stand.why))

    def _told(self, source: Source, stand: Stand, block: bytes, lines: int) -> Piece | None:
        """Read these lines; the piece of those that pass without a look at texts, None where there is none."""
        stand.number += lines
        if stand.number == source.end:
            stand.latest, stand.nth = source.latest, source.nth
        else:
            stand.latest, stand.nth, _ = behind(stand.latest, stand.nth, block, lines)
        stand.why = "slow"
        seek = self.seeks.get(source.instance)
        if seek is not None:
            block, lines, missed = sought(seek, block)
            if seek.found:
                del self.seeks[source.instance]
            if missed is not None:
                self._missed.append(missed)
        passed = self._cheap.passing(block, lines) if lines else None
        if passed is None or not passed.lines:
            return None
        return Piece(source, passed.block, passed.lines, stand.number, int(stand.latest, 16), stand.nth)


def sought(seek: Seek, block: bytes) -> tuple[bytes, int, Missed | None]:
    """What of a block is behind the place that is sought, its lines, and what is missing before it."""
    stored = block.split(b"\n")
    stored.pop()
    skipped = seek.skip(stored)
    left = stored[skipped:]
    missed = None
    if seek.lost and left:
        missed = Missed(None, int(seek.at, 16) or None, int(left[0][:16], 16), "evicted")
    return b"".join([line + b"\n" for line in left]), len(left), missed


def _stand_at(source: Source, number: int) -> Stand:
    """A stand at a line, or at the end."""
    if number == source.end:
        return Stand(number, source.latest, source.nth)
    if number <= source.first:  # it may have gone while others were looked for
        return Stand(number, NO_TIME, 0)
    block, lines = source.run.read(0, source.run.size)
    before, count = b"\n".join(block.split(b"\n", number - source.first)[:-1]) + b"\n", number - source.first
    return Stand(number, *behind(NO_TIME, 0, before, count)[:2]) if lines else Stand(number, NO_TIME, 0)


Read = tuple[Source, Stand, bytes, int]


def _up_to_horizon(read: list[Read]) -> list[Read]:
    """Only what belongs before every line that is not read yet."""
    keyed = []
    horizon: bytes | None = None
    for source, stand, block, lines in read:
        stored = block.split(b"\n")
        stored.pop()
        keys = list(accumulate((line[:16] for line in stored), max, initial=stand.latest))[1:]
        if stand.number + lines < source.end:
            horizon = keys[-1] if horizon is None else min(horizon, keys[-1])
        keyed.append((source, stand, block, stored, keys))
    if horizon is None:
        return read
    cut: list[Read] = []
    for source, stand, block, stored, keys in keyed:
        count = bisect_right(keys, horizon)
        if count == len(stored):
            cut.append((source, stand, block, count))
        elif count:
            cut.append((source, stand, b"".join([line + b"\n" for line in stored[:count]]), count))
    return cut
