"""The rings of all apps, and the memory that they share."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace

from libs.loglines import BadBlock, Frame, Known
from libs.loglines.selection import Selection
from services.logger.feed import Feed
from services.logger.feed_past import Past
from services.logger.feed_place import Cursor
from services.logger.ring import Ring, Taken
from services.logger.sifting import Sifting

OnRing = Callable[[str, str], None]  # an app's name and uuid
FEED_BYTES = 1024 * 1024
LOT_BYTES = 64 * 1024  # let go of at once when memory is short


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept: of one app, and of all."""

    lines: int = 10_000
    size: int = 8 * 1024 * 1024  # bytes
    memory: int = 256 * 1024 * 1024  # bytes, of all apps
    floor: int = 1000  # lines that an app keeps while another has more
    rings: int = 20_000  # apps


@dataclass(slots=True)
class Counts:
    """What became of lines since the start."""

    stored: int = 0
    bytes: int = 0
    doubles: int = 0  # sent again, and not stored again
    missing: int = 0  # numbered, and never arrived
    refused: int = 0  # in frames that were no frames
    platform: int = 0
    evicted_by_ring: int = 0
    evicted_by_memory: int = 0
    evicted_by_rings: int = 0  # of apps beyond the bound
    holes: int = 0  # lines that the logger itself wrote, to say that some never arrived
    deleted: int = 0  # stored lines that their users, or the end of their app, let go of


class Archive:
    """The rings, by app uuid. `boot` names this memory: it is new with each start, and another one is empty.

    An app that is made again under an old name has another uuid, and so sees none of its predecessor's lines.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.boot = secrets.token_hex(8)
        self.counts = Counts()
        self.weight = 0  # bytes
        self.sifting = Sifting()
        self._bounds = bounds
        self._memory = bounds.memory
        self._rings: dict[str, Ring] = {}
        self._heard: dict[str, str] = {}  # app name to the uuid that was heard with it last
        self._turn = 0  # counts what was written, to tell which ring was written longest ago
        self._on_ring: dict[OnRing, None] = {}

    def take(self, frame: Frame) -> Taken:
        """Store a frame; raises `BadBlock`, and then nothing of it was stored."""
        header = frame.header
        ring = self._ring(header.app, header.app_uuid)
        before = ring.weight
        try:
            taken = ring.take(frame)
        except BadBlock:
            self.counts.refused += header.lines
            raise
        counts = self.counts
        counts.evicted_by_ring += ring.trim()
        self.weight += ring.weight - before
        stored, doubles, missing = taken
        counts.stored += stored
        counts.bytes += len(frame.block)
        if doubles:
            counts.doubles += doubles
        if missing:
            counts.missing += missing
            counts.holes += 1
        if self.weight > self._memory:
            self._make_room()
        return taken

    def say(self, app: str, uuid: str, at: int, text: str) -> None:
        """Store a line of the platform's own, of time `at` (ns)."""
        ring = self._ring(app, uuid)
        before = ring.weight
        ring.say(at, text)
        self.counts.platform += 1
        self.counts.evicted_by_ring += ring.trim()
        self.weight += ring.weight - before
        self._make_room()

    def known(self, uuid: str, instance: str) -> Known:
        """How far an instance's agent has come."""
        ring = self._rings.get(uuid)
        source = ring.source(instance) if ring else None
        if source is None:
            return Known(boot=self.boot)
        return Known(boot=self.boot, reading=source.reading, next=source.next, position=source.position)

    def ring(self, app: str, uuid: str | None = None) -> Ring | None:
        """An app's ring; without a uuid, that of the name's last heard one."""
        return self._rings.get(uuid or self._heard.get(app, ""))

    def feed(  # noqa: PLR0913 - the app's two names, and what is wanted of it by keyword
        self,
        app: str,
        uuid: str,
        selection: Selection,
        *,
        lines: int = 0,
        after: Cursor | None = None,
        bound: int = FEED_BYTES,
    ) -> Feed:
        """Read on: the last `lines` lines that pass, or everything behind a cursor, and then what comes.

        Makes the ring where there is none yet. `bound` is in bytes that wait for the reader.
        """
        ring = self._ring(app, uuid)
        if after is None:
            past = Past.from_last(ring, selection, lines)
        else:
            past = Past.from_cursor(ring, selection, after, same=after.boot == self.boot)
        return Feed(ring, selection, past, self.sifting, bound=bound)

    def on_ring(self, callback: OnRing) -> Callable[[], None]:
        """Tell of each ring that begins, before its first line is stored; what is returned ends that."""
        self._on_ring[callback] = None

        def end() -> None:
            self._on_ring.pop(callback, None)

        return end

    def names(self) -> list[tuple[str, str]]:
        """The name and the uuid of each app that has a ring; those of the agents' canaries (`~…`) are no apps."""
        return [(ring.app, uuid) for uuid, ring in self._rings.items() if not uuid.startswith("~")]

    def clear(self, app: str, uuid: str | None = None) -> None:
        """Let go of the lines of the ring that `ring` answers with. Who follows it follows on."""
        ring = self.ring(app, uuid)
        if ring is not None:
            before = ring.weight
            self.counts.deleted += ring.drop(ring.lines)
            self.weight += ring.weight - before

    def forget(self, uuid: str) -> None:
        """Let go of a ring: its app is gone, and so end its feeds."""
        ring = self._rings.get(uuid)
        if ring is not None:
            self.counts.deleted += ring.lines
            self._remove(uuid, ring)

    def rings(self) -> Collection[str]:
        """The uuids of the apps that have one."""
        return self._rings.keys()

    def lines(self) -> int:
        """Lines kept now."""
        return sum(ring.lines for ring in self._rings.values())

    def _ring(self, app: str, uuid: str) -> Ring:
        self._heard[app] = uuid
        ring = self._rings.get(uuid)
        if ring is None:
            ring = self._begin(app, uuid)
        self._turn += 1
        ring.touched = self._turn
        return ring

    def _begin(self, app: str, uuid: str) -> Ring:
        """A new ring; beyond the bound, those that were written longest ago go first, some at once."""
        if len(self._rings) >= self._bounds.rings:
            # A ring that someone follows goes only where all are followed.
            oldest = sorted(self._rings.items(), key=lambda item: (bool(item[1].listeners), item[1].touched))
            for old, ring in oldest[: 1 + len(oldest) // 64]:
                self.counts.evicted_by_rings += ring.lines
                self._remove(old, ring)
        counts = self.counts
        base = counts.stored + counts.platform + counts.holes
        ring = self._rings[uuid] = Ring(app, lines=self._bounds.lines, size=self._bounds.size, base=base)
        self.weight += ring.weight
        self._heard[app] = uuid
        for callback in tuple(self._on_ring):
            callback(app, uuid)
        return ring

    def _remove(self, uuid: str, ring: Ring) -> None:
        del self._rings[uuid]
        self.weight -= ring.weight
        if self._heard.get(ring.app) == uuid:
            del self._heard[ring.app]
        ring.close()

    def _make_room(self) -> None:
        """While memory is short, the largest app lets go of its oldest lines; no app goes below the floor for another.

        If that does not do, instances without a line are forgotten, and then the floor holds no more. A little more
        than needed goes at once, so that the search for the largest is rare.
        """
        if self.weight <= self._memory:
            return
        goal = self._memory - self._memory // 64
        self._shrink(goal, self._bounds.floor)
        if self.weight > goal:
            for ring in self._rings.values():
                before = ring.weight
                ring.forget_silent()
                self.weight += ring.weight - before
            self._shrink(goal, 0)

    def _shrink(self, goal: int, floor: int) -> None:
        # (minus weight, tie-break, ring): the largest comes first
        heap = [(-ring.weight, n, ring) for n, ring in enumerate(self._rings.values()) if ring.lines > floor]
        heapify(heap)
        while heap and self.weight > goal:
            _, n, largest = heap[0]
            before = largest.weight
            lot = max(1, largest.lines * LOT_BYTES // largest.weight)
            self.counts.evicted_by_memory += largest.drop(min(lot, largest.lines - floor))
            self.weight += largest.weight - before
            if largest.lines > floor:
                heapreplace(heap, (-largest.weight, n, largest))
            else:
                heappop(heap)
