"""Where the agent stands in an instance's output, so that it can go on from there: nothing twice, nothing left out.

The engine tells output by time, and times may be equal, or step back with the host's clock; each of the two streams
has its own order. So a place in a stream is a time and how many pieces of that time were read, and the engine is asked
for a little more than needed: what was read before is recognised and skipped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Self

from libs.engine.track import Place


class BadPosition(ValueError):
    """A text that is no position."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in each stream. `since` is the time from which on the engine is asked again (ns)."""

    since: int
    out: Place
    err: Place

    def encode(self) -> str:
        """The text that travels with the lines."""
        out, err = self.out, self.err
        return f"[{self.since},[{out.at},{out.nth},{out.ceiling}],[{err.at},{err.nth},{err.ceiling}]]"

    @classmethod
    def decode(cls, text: str) -> Self:
        """Read the text; raises `BadPosition`."""
        try:
            match json.loads(text):
                case [int() as since, [int() as a, int() as b, int() as c], [int() as d, int() as e, int() as f]]:
                    return cls(since, Place(a, b, c), Place(d, e, f))
        except ValueError as error:
            raise BadPosition(f"{text!r} is no position") from error
        raise BadPosition(f"{text!r} is no position")

    @property
    def latest(self) -> int:
        """The latest time that was read, ns."""
        return max(self.out.ceiling, self.err.ceiling)
