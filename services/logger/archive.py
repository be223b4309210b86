"""The rings of all apps, and the memory that they share."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass

from libs.loglines import BadBlock, Frame, Known
from services.logger.ring import Ring, Taken

LOT_BYTES = 64 * 1024  # let go of at once when memory is short


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept: of one app, and of all."""

    lines: int = 10_000
    size: int = 8 * 1024 * 1024  # bytes
    memory: int = 256 * 1024 * 1024  # bytes, of all apps
    floor: int = 1000  # lines that an app keeps while another has more


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


class Archive:
    """The rings, by app uuid. `boot` names this memory: it is new with each start, and another one is empty.

    An app that is made again under an old name has another uuid, and so sees none of its predecessor's lines.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.boot = secrets.token_hex(8)
        self.counts = Counts()
        self.weight = 0  # bytes
        self._bounds = bounds
        self._rings: dict[str, Ring] = {}
        self._heard: dict[str, str] = {}  # app name to the uuid that was heard with it last

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
        self.counts.evicted_by_ring += ring.trim()
        self.weight += ring.weight - before
        self.counts.stored += taken.stored
        self.counts.bytes += len(frame.block)
        self.counts.doubles += taken.doubles
        self.counts.missing += taken.missing
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

    def forget(self, uuid: str) -> None:
        """Let go of a ring."""
        ring = self._rings.pop(uuid, None)
        if ring is not None:
            self.weight -= ring.weight
            if self._heard.get(ring.app) == uuid:
                del self._heard[ring.app]

    def forget_name(self, app: str, uuid: str | None = None) -> None:
        """Let go of the ring that `ring` answers with."""
        self.forget(uuid or self._heard.get(app, ""))

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
            ring = self._rings[uuid] = Ring(app, lines=self._bounds.lines, size=self._bounds.size)
        return ring

    def _make_room(self) -> None:
        """While memory is short, the largest app lets go of its oldest lines; no app goes below the floor for another.

        A little more than needed goes at once, so that the search for the largest is rare.
        """
        if self.weight <= self._bounds.memory:
            return
        goal = self._bounds.memory - self._bounds.memory // 64
        while self.weight > goal:
            holders = [ring for ring in self._rings.values() if ring.lines]
            above = [ring for ring in holders if ring.lines > self._bounds.floor]
            largest = max(above or holders, key=lambda ring: ring.size, default=None)
            if largest is None:
                return
            before = largest.weight
            lot = max(1, largest.lines * LOT_BYTES // largest.size)
            self.counts.evicted_by_memory += largest.drop(
                min(lot, largest.lines - self._bounds.floor) if above else lot
            )
            self.weight += largest.weight - before
