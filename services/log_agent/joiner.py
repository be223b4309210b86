"""From pieces to lines: the engine splits long lines, the joiner puts them together again, up to a cap."""

from __future__ import annotations

from typing import NamedTuple

from libs.loglines import LINE_CAP
from libs.loglines.line import cut_short

# Bytes cut of a line that are counted to the last one. Within a longer line the engine's stream may have passed over a
# whole file, or said pieces twice, and nobody can tell: they all bear the line's time. (The files have 20 MB.)
EXACT = 16_000_000


class Joined(NamedTuple):
    """A whole line without its newline; of a longer one its begin, with a mark that says what is missing."""

    text: bytes
    cut: int = 0  # bytes that are missing; above `EXACT`: about so many


class Joiner:
    """Joins the pieces of one stream. Holds at most `cap` bytes, however long the line."""

    __slots__ = ("_cap", "_cut", "_held")

    def __init__(self, cap: int = LINE_CAP) -> None:
        self._cap = cap
        self._held = bytearray()
        self._cut = 0

    @property
    def open(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._held) or self._cut > 0

    def add(self, data: bytes) -> list[Joined]:
        """The lines that this piece ends: none, one, or each of several where a piece holds more."""
        if data.find(b"\n") == len(data) - 1 and not self._held and 0 < len(data) <= self._cap:
            return [Joined(data[:-1])]  # by far the most
        *ended, rest = data.split(b"\n")
        lines = []
        for text in ended:
            self._hold(text)
            lines.append(self._line())
        self._hold(rest)
        return lines

    def end(self) -> list[Joined]:
        """What is left of a line whose newline never came."""
        return [self._line()] if self.open else []

    def _hold(self, data: bytes) -> None:
        room = self._cap - len(self._held)
        self._held += data[:room]
        self._cut += max(len(data) - room, 0)

    def _line(self) -> Joined:
        text, cut = bytes(self._held), self._cut
        self._held, self._cut = bytearray(), 0
        if not cut:
            return Joined(text)
        return Joined(*cut_short(text, cut, exact=cut <= EXACT))
