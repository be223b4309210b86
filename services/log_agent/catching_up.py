"""When to follow an open output, and when to read what is stored, round after round."""

from __future__ import annotations

import time
from collections.abc import Callable

LATE = 1_000_000_000  # ns behind the present
MUCH = 8 * 1024 * 1024  # bytes within a second; less than half of what the engine keeps in a file
LITTLE = 1024 * 1024  # bytes of a round, after which following may begin again
SECOND = 1_000_000_000


class CatchingUp:
    """Docker's open stream passes over whole files, and says nothing, when its reader is slower than their rotation.

    What is stored it gives from files that it holds open, and a round begins where the last one ended: a hole is found
    there. So a reader that falls behind, or reads much, leaves the stream and reads in rounds until it has caught up.
    At a rotation an open stream may also say a file's begin twice, or nothing from there on; a round says it once.
    """

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self.following = True
        self._since = 0
        self._bytes = 0

    def begins(self) -> None:
        """An output is opened."""
        self._since, self._bytes = self._clock(), 0

    def took(self, size: int, at: int) -> bool:
        """So many bytes were read up to a piece of time `at`; whether the stream is to be left."""
        now = self._clock()
        if self.following and now - self._since > SECOND:
            self._since, self._bytes = now, 0
        self._bytes += size
        if self.following and (now - at > LATE or self._bytes > MUCH):
            self.following = False
            return True
        return False

    def doubts(self) -> None:
        """The open stream may have begun to repeat itself: it is to be left for a round."""
        self.following = False

    def ended(self) -> bool:
        """The output ended; whether it was a round, and the output is to be opened again."""
        if self.following:
            return False
        self.following = self._bytes < LITTLE
        return True
