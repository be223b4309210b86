"""Lines on their way to a receiver: those of one source, in order, as a block in the stored form."""

from __future__ import annotations

from typing import NamedTuple

from libs.loglines.line import PREFIX


class Origin(NamedTuple):
    """Whose lines they are; the platform's own have an empty instance."""

    app: str
    process: str
    instance: str
    release: int


class Mark(NamedTuple):
    """The place behind a lot in its source's output, as feeds tell it (`proto/log-tail.md`)."""

    uuid: str  # of the app
    instance: str
    next: int
    at: int  # ns
    nth: int


class Lot(NamedTuple):
    """At least one line. `first` is the first one's number within the drain's run; 0: it has none, nor counts."""

    origin: Origin
    block: bytes
    lines: int
    first: int
    came: float  # the clock's time at which it was taken in
    mark: Mark | None = None  # None for a part whose rest is elsewhere

    @property
    def oldest(self) -> int:
        """The time of its first line, ns."""
        return int(self.block[:16], 16)

    @property
    def newest(self) -> int:
        """The time of its last line, ns."""
        at = self.block.rfind(b"\n", 0, len(self.block) - 1) + 1
        return int(self.block[at : at + 16], 16)

    def parted(self, size: int) -> tuple[Lot, Lot | None]:
        """The lot up to the end of the line in which its byte `size` is, and the rest if there is any."""
        end = self.block.find(b"\n", max(size, PREFIX)) + 1
        if end in {0, len(self.block)}:
            return self, None
        lines = self.block.count(b"\n", 0, end)
        return (
            self._replace(block=self.block[:end], lines=lines, mark=None),
            self._replace(block=self.block[end:], lines=self.lines - lines, first=self.first and self.first + lines),
        )
