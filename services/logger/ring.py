"""The ring of one app: the last lines of all its instances, bounded by lines and by bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush, heapreplace
from typing import NamedTuple, Protocol

from libs.loglines import BadBlock, Frame, Kind, check_block, encode
from libs.loglines.line import PREFIX
from libs.loglines.selection import Selection
from services.logger.falls import Fall, fallen
from services.logger.feed_place import NO_TIME, Place, behind
from services.logger.run import Run

LOT = 64  # lines let go of at once from one source while others have some as well
SOURCES = 256  # instances of an app; beyond them, one is forgotten once it has no line
SOURCE_WEIGHT = 1024  # bytes that a source takes beside its lines, about
RING_WEIGHT = 2048  # bytes that a ring takes beside its sources, about


@dataclass(slots=True, eq=False)
class Source:
    """One instance's place in a ring: its lines, and how far its agent has come.

    `next` and `reading` are the agent's numbers; `born` and `end` are this memory's: of its first line ever, and of the
    one that is stored next. No two sources of an instance have a number in common.
    """

    instance: str
    process: str
    release: int
    born: int = 0
    reading: str = ""
    next: int = 0  # the number of the line that is expected next, within the reading
    position: str = ""
    run: Run = field(default_factory=Run)
    end: int = 0
    latest: bytes = NO_TIME  # the latest time of any line so far
    nth: int = 0  # lines since it became that
    falls: tuple[Fall, ...] = ()  # of the lines up to `end`, and of those that are about to be stored
    reached: int = 0  # the ring's number behind the last line
    continued: bool = False  # it began in the midst of a reading: nothing of an earlier source's is sent again

    @property
    def first(self) -> int:
        """The number of the oldest kept line; `end` where there is none."""
        return self.end - self.run.lines

    @property
    def place(self) -> Place:
        """Behind the last line."""
        return Place(self.end, int(self.latest, 16), self.nth)


class Listener(Protocol):
    """What hears of a ring's changes while it reads on."""

    def offer(self, source: Source, block: bytes, lines: int) -> None:
        """These lines are about to be stored."""

    def forgot(self, source: Source) -> None:
        """A source without lines was forgotten; the instance may come again as another source."""

    def gone(self) -> None:
        """The ring is no more."""


class Taken(NamedTuple):
    """What became of a frame, in lines: stored now, stored before, never arrived."""

    stored: int = 0
    doubles: int = 0
    missing: int = 0


class Ring:
    """The last lines of an app. `lines` and `size` (bytes of lines) never exceed the bounds after `trim`.

    `base` is a number that no source of an earlier ring of the app reached. `number` is that of the line that is stored
    next. All lines of instances that are known no more are below `forgotten`, and of `forgotten_latest` or before.
    """

    def __init__(self, app: str, *, lines: int, size: int, base: int = 0) -> None:
        self.app = app
        self.lines = 0
        self.size = 0
        self.weight = RING_WEIGHT  # bytes of memory, about
        self.touched = 0  # the archive's mark of when it was written
        self.listeners: dict[Selection, Listener] = {}  # one for all that want the same
        self.number = base
        self.forgotten = base  # with an earlier ring all of its lines were
        self.forgotten_latest = NO_TIME
        self._most_lines = lines
        self._most_bytes = size
        self._sources: dict[str, Source] = {}
        # Those with lines, by the time of the oldest: a heap, so that what goes first is found among however many.
        self._holders: list[tuple[int, int, Source]] = []
        self._silent: dict[str, Source] = {}  # those without a line; the one that lost its last longest ago first

    def source(self, instance: str) -> Source | None:
        """What is known of an instance."""
        return self._sources.get(instance)

    def sources(self) -> list[Source]:
        """All instances that are known."""
        return list(self._sources.values())

    def take(self, frame: Frame) -> Taken:
        """Store a frame's lines, each once; a hole before them becomes a line that says so. Raises `BadBlock`."""
        header, block = frame
        lines, first = header.lines, header.first
        if check_block(block) != lines:
            raise BadBlock(f"the block has {block.count(10)} lines and its header says {lines}")
        source = self._source(header.instance, header.process, header.release)
        if source.reading != header.reading:
            source.continued |= not source.reading and first > 0
            source.reading, source.next = header.reading, first
        doubles = missing = 0
        if first < source.next:
            doubles = min(source.next - first, lines)
            if doubles == lines:
                return Taken(doubles=doubles)
            block = _after(block, doubles)
        elif first > source.next:
            missing = first - source.next
            self._append(source, _hole(source, missing, before=block), 1)
        self._append(source, block, lines - doubles)
        source.next, source.position = first + lines, header.position
        return Taken(lines - doubles, doubles, missing)

    def say(self, at: int, text: str) -> None:
        """Store a line of the platform's own."""
        source = self._source("", "deis", 0)
        source.continued = True
        self._append(source, encode(at, Kind.PLATFORM, text.encode("utf-8", "replace")), 1)

    def trim(self) -> int:
        """Let go of the oldest lines beyond the bounds; returns how many."""
        if self.lines <= self._most_lines and self.size <= self._most_bytes:
            return 0
        gone = self.drop(self.lines - self._most_lines) if self.lines > self._most_lines else 0
        while self.size > self._most_bytes:
            excess = self.size - self._most_bytes
            gone += self.drop(max(1, min(LOT, excess * self.lines // self.size)))
        return gone

    def drop(self, count: int) -> int:
        """Let go of the `count` oldest lines (to within a few where sources alternate); returns how many went."""
        gone = 0
        holders = self._holders
        while gone < count and holders:
            oldest = holders[0][2]
            lot = min(count - gone, LOT) if len(holders) > 1 else count - gone
            lines, size = oldest.run.drop(lot)
            gone += lines
            self.lines -= lines
            self.size -= size
            self.weight -= size
            if oldest.run.lines:
                heapreplace(holders, (oldest.run.first_time(), oldest.born, oldest))
            else:
                heappop(holders)
                self._silent[oldest.instance] = oldest
                self.forget_silent(SOURCES)
        return gone

    def forget_silent(self, most: int = 0) -> None:
        """While more than `most` instances are known, forget those without a line.

        Should one still live, its agent sends some history again one day, which is older than what is kept.
        """
        while self._silent and len(self._sources) > most:
            instance = next(iter(self._silent))
            source = self._silent.pop(instance)
            del self._sources[instance]
            self.weight -= SOURCE_WEIGHT
            self.forgotten = max(self.forgotten, source.reached)
            self.forgotten_latest = max(self.forgotten_latest, source.latest)
            for listener in self.listeners.values():
                listener.forgot(source)

    def close(self) -> None:
        """The ring is no more: whoever reads it is told."""
        for listener in list(self.listeners.values()):
            listener.gone()
        self.listeners.clear()

    def _source(self, instance: str, process: str, release: int) -> Source:
        """The instance's source, made if it is new."""
        source = self._sources.get(instance)
        if source is None:
            self.forget_silent(SOURCES - 1)
            source = self._sources[instance] = Source(instance, process, release, self.number, end=self.number)
            self.weight += SOURCE_WEIGHT
        return source

    def _append(self, source: Source, block: bytes, lines: int) -> None:
        latest, nth, depth = behind(source.latest, source.nth, block, lines)
        if depth:
            source.falls = fallen(source.falls, Fall(source.end, source.end + lines, depth))
        for listener in self.listeners.values():
            listener.offer(source, block, lines)
        source.end += lines
        source.latest, source.nth = latest, nth
        if not source.run.lines:
            self._silent.pop(source.instance, None)
            heappush(self._holders, (int(block[:16], 16), source.born, source))
        source.run.append(block, lines)
        size = len(block)
        source.reached = self.number = self.number + lines
        self.lines += lines
        self.size += size
        self.weight += size


def _hole(source: Source, missing: int, *, before: bytes) -> bytes:
    text = f"{missing} lines of {source.process} ({source.instance}) were lost on their way here"
    return encode(int(before[:16], 16), Kind.GAP, text.encode())


def _after(block: bytes, count: int) -> bytes:
    """The block without its first `count` lines."""
    at = 0
    for _ in range(count):
        at = block.index(b"\n", at + PREFIX) + 1
    return block[at:]
