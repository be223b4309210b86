"""Where a reader stands in an instance's output, so that it can go on from there in this memory or in another.

In this memory a number tells the place. Another memory got the same lines in the same order, but perhaps not all of
them, so there it is told by time: an instance's *latest* time up to a line never falls, though clocks may be set back,
and so "behind the n-th line since the latest time became t" is one place. Lines of kind `g` are not counted: a memory
may have some that another has not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from services.logger.falls import depth_of

NO_TIME = b"0" * 16  # times stay as stored lines carry them: their order as bytes is theirs as numbers
_GAP = ord("g")


class Place(NamedTuple):
    """Behind a line: the number of the next one, the latest time so far (ns), and lines since it became that."""

    next: int
    at: int
    nth: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """A reader's places by instance; `next` and `reach` count in the memory named `boot` alone.

    `reach`: an instance whose last line in the ring has a lower number than that has no news for the reader.
    """

    boot: str
    sources: Mapping[str, Place]
    reach: int = 0


def behind(latest: bytes, nth: int, block: bytes, lines: int) -> tuple[bytes, int, int]:
    """The latest time and the lines since it, after a block that follows a place with these; how far times fell, ns."""
    if lines == 1:
        time, counted = block[:16], int(block[16] != _GAP)
        if time > latest:
            return time, counted, 0
        return latest, nth + counted, int(latest, 16) - int(time, 16) if time < latest else 0
    stored = block.split(b"\n")
    stored.pop()
    if stored[0][:16] >= latest and sorted(stored) == stored:  # as clocks go
        most = stored[-1][:16]
        since, depth = bisect_left(stored, most), 0
    else:
        times = [line[:16] for line in stored]
        most = max(times)
        since, depth = times.index(most), depth_of(latest, times)
    if most <= latest:
        return latest, nth + lines - [line[16] for line in stored].count(_GAP), depth
    return most, lines - since - [line[16] for line in stored[since:]].count(_GAP), depth


class Seek:
    """Finds a place by time in lines that come in order. `found` once it is behind; `lost` when that was not exact.

    `here`: a place in this memory, behind which all is news that an instance says without a new beginning.
    """

    __slots__ = ("_count", "_latest", "_nth", "at", "found", "here", "lost")

    def __init__(self, place: Place, *, here: bool = False) -> None:
        self.here = here
        self.at = b"%016x" % place.at
        self._nth = place.nth
        self._latest = NO_TIME
        self._count = 0
        self.found = place.at == 0
        self.lost = False

    def skip(self, stored: list[bytes]) -> int:
        """How many of the next lines are before the place: known to the reader."""
        for index, line in enumerate(stored):
            if self.found:
                return index
            self._latest = max(self._latest, line[:16])
            if self._latest > self.at:
                self.found, self.lost = True, self._count < self._nth
                return index
            if self._latest == self.at:
                if self._nth == 0:
                    self.found = True
                    return index
                self._count += line[16] != _GAP
                self.found = self._count == self._nth
        return len(stored)
