"""The reads with a pattern that are under way: each may hold a piece of its app's log, and a copy of what it found."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from services.logger.ring import Ring

MOST_OF_APP = 4  # reads with a pattern of one app at once
MOST = 32  # of all apps


class TooManyReads(Exception):
    """There is no place for one more read with a pattern now; the message says of what there are too many."""


class Reads:
    """Gives out their places, and the turns of those that are slow."""

    def __init__(self) -> None:
        self._of_app: Counter[Ring] = Counter()
        self._turns: WeakKeyDictionary[Ring, asyncio.Lock] = WeakKeyDictionary()

    @contextmanager
    def place(self, ring: Ring) -> Iterator[None]:
        """A place while the body runs; raises `TooManyReads`."""
        if self._of_app[ring] >= MOST_OF_APP:
            raise TooManyReads(f"{MOST_OF_APP} reads of {ring.app} look for a grep now, the most at once; {_LATER}")
        if self._of_app.total() >= MOST:
            raise TooManyReads(f"{MOST} reads look for a grep in this logger now, the most at once; {_LATER}")
        self._of_app[ring] += 1
        try:
            yield
        finally:
            self._of_app[ring] -= 1
            if not self._of_app[ring]:
                del self._of_app[ring]

    def turn(self, ring: Ring) -> asyncio.Lock:
        """Held by the one slow read of an app that is under way: one after another, the first are answered in time."""
        return self._turns.setdefault(ring, asyncio.Lock())


_LATER = "try again in some seconds, or without grep"
