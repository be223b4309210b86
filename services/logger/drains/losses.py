"""Lines that a receiver never gets: how many, and what it is told of them."""

from __future__ import annotations

from datetime import datetime

from libs.keyspace.document import now
from libs.loglines import Kind, encode, nanoseconds

TOLD_EVERY = 10.0  # seconds between two notices, at least


class Losses:
    """`dropped` counts lines since the start; those that the receiver was not told of yet are kept apart."""

    def __init__(self) -> None:
        self.dropped = 0
        self._untold = 0
        self._unknown = False  # there are more, and nobody knows how many
        self._since: datetime | None = None
        self._told_at = float("-inf")

    def count(self, lines: int | None) -> None:
        """These are lost; None: some, nobody knows how many."""
        self._since = self._since or now()
        self._unknown |= lines is None
        self._untold += lines or 0
        self.dropped += lines or 0

    def is_due(self, at: float) -> bool:
        """Whether there is something to tell at this time of the clock."""
        return self._since is not None and at >= self.due

    @property
    def due(self) -> float:
        """The clock's time from which on something may be told."""
        return self._told_at + TOLD_EVERY

    def tell(self, at: float) -> bytes:
        """A stored line that tells them. As Logplex says it, so that what looks for that finds it."""
        lines = ("at least " * self._unknown + str(self._untold)) if self._untold else "an unknown number of"
        since = self._since or now()
        self._untold, self._unknown, self._since, self._told_at = 0, False, None, at
        text = f"Error L10 (output buffer overflow): {lines} messages dropped since {since:%Y-%m-%dT%H:%M:%S+00:00}"
        return encode(nanoseconds(now()), Kind.GAP, text.encode())
