"""A place in a stream of an instance's output, and how a reader goes on behind it: nothing twice, no hole unseen.

The engine tells output by time, and times may be equal, or step back with the host's clock; each of the two streams
has its own order. So a place is a time and how many pieces of that time were read. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

# ns that times in the engine's file may go back: one stream's pieces behind the other's, or a clock that is set. A
# clock that is set back further while nobody reads hides what is said until it has caught up.
SLACK = 5_000_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """A place in one stream: behind the `nth` piece of time `at`. `ceiling` is the latest time before it (ns)."""

    at: int = 0
    nth: int = 0  # 0: nothing was read
    ceiling: int = 0


class Seen(Enum):
    """What a piece is to a track."""

    OLD = "old"  # read before
    NEW = "new"
    NEW_AFTER_LOSS = "new after loss"  # and the piece that should have come before it is no more


class Track:
    """One stream, read on from a place. `place` is behind the last piece taken."""

    __slots__ = ("_count", "_sought", "at", "ceiling", "nth")

    def __init__(self, place: Place, since: int) -> None:
        self.at, self.nth, self.ceiling = place.at, place.nth, place.ceiling
        self._sought = place if place.nth and place.at >= since else None
        self._count = 0

    @property
    def place(self) -> Place:
        """Behind the last new piece."""
        return Place(self.at, self.nth, self.ceiling)

    @property
    def found(self) -> bool:
        """Whether the place to go on from was found, or needed not be."""
        return self._sought is None

    def take(self, at: int) -> Seen:
        """What the next piece, of this time, is."""
        sought = self._sought
        if sought is not None:
            if at <= sought.ceiling:
                if at == sought.at:
                    self._count += 1
                    if self._count == sought.nth:
                        self._sought = None
                return Seen.OLD
            self._sought = None
            self.step(at)
            return Seen.NEW_AFTER_LOSS
        self.step(at)
        return Seen.NEW

    def step(self, at: int) -> None:
        """Behind a new piece, where `found`."""
        self.nth = self.nth + 1 if at == self.at else 1
        self.at = at
        self.ceiling = max(self.ceiling, at)
