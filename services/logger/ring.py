"""The ring of one app: the last lines of all its instances, bounded by lines and by bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from libs.loglines import BadBlock, Frame, Kind, Line, check_block, encode
from libs.loglines.line import PREFIX
from services.logger.run import Run

LOT = 64  # lines let go of at once from one source while others have some as well
SOURCES = 256  # instances of an app; beyond them, those without a line are forgotten
SOURCE_WEIGHT = 1024  # bytes that a source takes beside its lines, about


@dataclass(slots=True, eq=False)
class Source:
    """One instance's place in a ring: its lines, and how far its agent has come."""

    instance: str
    process: str
    release: int
    reading: str = ""
    next: int = 0  # the number of the line that is expected next, within the reading
    position: str = ""
    run: Run = field(default_factory=Run)


class Taken(NamedTuple):
    """What became of a frame, in lines: stored now, stored before, never arrived."""

    stored: int = 0
    doubles: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Query:
    """The last `lines` lines of these sources; None is any."""

    lines: int = 100
    process: str | None = None  # `web` or `web.1`
    instance: str | None = None
    release: int | None = None
    since: int = 0  # ns since the epoch

    def wants(self, source: Source) -> bool:
        """Whether a source's lines are asked for."""
        return (
            self.process in {None, source.process, source.process.partition(".")[0]}
            and self.instance in {None, source.instance}
            and self.release in {None, source.release}
        )


class Ring:
    """The last lines of an app. `lines` and `size` (bytes of lines) never exceed the bounds between calls."""

    def __init__(self, app: str, *, lines: int, size: int) -> None:
        self.app = app
        self.lines = 0
        self.size = 0
        self._most_lines = lines
        self._most_bytes = size
        self._sources: dict[str, Source] = {}  # the one that was written longest ago first

    @property
    def weight(self) -> int:
        """Bytes of memory, about."""
        return self.size + SOURCE_WEIGHT * len(self._sources)

    def source(self, instance: str) -> Source | None:
        """What is known of an instance."""
        return self._sources.get(instance)

    def take(self, frame: Frame) -> Taken:
        """Store a frame's lines, each once; a hole before them becomes a line that says so. Raises `BadBlock`."""
        header, block = frame.header, frame.block
        if check_block(block) != header.lines:
            raise BadBlock(f"the block has {block.count(10)} lines and its header says {header.lines}")
        source = self._at_end(header.instance, header.process, header.release)
        if source.reading != header.reading:
            source.reading, source.next = header.reading, header.first
        doubles = min(max(source.next - header.first, 0), header.lines)
        if doubles == header.lines:
            return Taken(doubles=doubles)
        missing = max(header.first - source.next, 0)
        if missing:
            self._append(source, _hole(source, missing, before=block), 1)
        elif doubles:
            block = _after(block, doubles)
        stored = header.lines - doubles
        self._append(source, block, stored)
        source.next, source.position = header.first + header.lines, header.position
        return Taken(stored, doubles, missing)

    def say(self, at: int, text: str) -> None:
        """Store a line of the platform's own."""
        source = self._at_end("", "deis", 0)
        self._append(source, encode(at, Kind.PLATFORM, text.encode("utf-8", "replace")), 1)

    def trim(self) -> int:
        """Let go of the oldest lines beyond the bounds; returns how many."""
        gone = self.drop(self.lines - self._most_lines) if self.lines > self._most_lines else 0
        while self.size > self._most_bytes:
            excess = self.size - self._most_bytes
            gone += self.drop(max(1, min(LOT, excess * self.lines // self.size)))
        return gone

    def drop(self, count: int) -> int:
        """Let go of the `count` oldest lines (to within a few where sources alternate); returns how many went."""
        gone = 0
        holders = [source for source in self._sources.values() if source.run.lines]
        while gone < count and holders:
            oldest = min(holders, key=lambda source: source.run.first_time()) if len(holders) > 1 else holders[0]
            lot = min(count - gone, LOT) if len(holders) > 1 else count - gone
            lines, size = oldest.run.drop(lot)
            gone += lines
            self.lines -= lines
            self.size -= size
            if not oldest.run.lines:
                holders.remove(oldest)
        return gone

    def read(self, query: Query) -> list[tuple[str, Line]]:
        """The lines that a query asks for, merged by time, each instance's in its own order; with their process."""
        found: list[tuple[int, str, Line]] = []
        for source in self._sources.values():
            if query.wants(source):
                found += _timed(source, query)
        found.sort(key=itemgetter(0))
        return [(process, line) for _, process, line in found[max(len(found) - query.lines, 0) :]]

    def _at_end(self, instance: str, process: str, release: int) -> Source:
        """The instance's source, made if it is new, as the one written last."""
        source = self._sources.pop(instance, None)
        if source is None:
            if len(self._sources) >= SOURCES:
                self._forget_one()
            source = Source(instance, process, release)
        self._sources[instance] = source
        return source

    def _forget_one(self) -> None:
        """Forget the instance without lines that was written longest ago, if there is one.

        Should it still live, its agent sends some history again one day, which is older than what is kept.
        """
        for instance, source in self._sources.items():
            if not source.run.lines:
                del self._sources[instance]
                return

    def _append(self, source: Source, block: bytes, lines: int) -> None:
        source.run.append(block, lines)
        self.lines += lines
        self.size += len(block)


def _timed(source: Source, query: Query) -> Iterator[tuple[int, str, Line]]:
    """A source's last lines with the time to merge them by: their own, but never less than an earlier line's."""
    latest = 0
    for line in source.run.last(query.lines):
        latest = max(latest, line.at)
        if line.at >= query.since:
            yield latest, source.process, line


def _hole(source: Source, missing: int, *, before: bytes) -> bytes:
    text = f"{missing} lines of {source.process} ({source.instance}) were lost on their way here"
    return encode(int(before[:16], 16), Kind.GAP, text.encode())


def _after(block: bytes, count: int) -> bytes:
    """The block without its first `count` lines."""
    at = 0
    for _ in range(count):
        at = block.index(b"\n", at + PREFIX) + 1
    return block[at:]
