"""What waits for a receiver: bounded by bytes and by age; the oldest lines go first, and each is counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from services.logger.drains.losses import Losses
from services.logger.drains.lot import Lot, Mark, Origin

LAST_NUMBER = 2**31 - 1  # of a line; RFC 5424 §7.3.1 lets `sequenceId` go no further, and begins again with 1
LOT = 64 * 1024  # bytes; what comes in larger blocks is parted, and what makes room goes by such parts
LOT_WEIGHT = 512  # bytes that a lot takes beside its lines
SMALL = 4096  # bytes; smaller lots of one source, one after another, are joined
JOINED_SECONDS = 1.0  # between the first and the last line of those, at most
MOST_PLACES = 4096


class Buffer:
    """Lots in the order in which they came. `lines` and `size` (bytes) are those that wait.

    What was taken is held, and counts as well, until it is settled: it arrived, or it never will.
    """

    def __init__(self, *, size: int, age: float) -> None:
        self.lines = 0
        self.size = 0
        self.sent = 0  # lines that arrived
        self.losses = Losses()
        self.newest = 0  # the latest time of a line that arrived, ns
        self.places: dict[tuple[str, str], Mark] = {}  # by app uuid and instance; who was settled last stands last
        self._lots: deque[Lot] = deque()
        self._held = 0  # bytes
        self._held_lots = 0
        self._most = size
        self._age = age
        self._next = 1

    def add(self, origin: Origin, block: bytes, lines: int, mark: Mark | None, *, at: float) -> None:
        """Take lines in, at this time of the clock; older ones make room."""
        if self._next + lines > LAST_NUMBER:
            self._next = 1
        new = Lot(origin, block, lines, self._next, at, mark)
        rest: Lot | None = _joined(self._lots.pop(), new) if self._lots and _fit(self._lots[-1], new) else new
        while rest is not None:
            lot, rest = rest.parted(LOT)
            self._lots.append(lot)
        self._next += lines
        self._count(lines, len(block))
        while self._lots and self._weight > self._most:
            self._drop(self._lots.popleft())

    def take(self, size: int) -> tuple[Lot, ...]:
        """The oldest lines, to hold: about `size` bytes of them, at least one line if there is any."""
        taken: list[Lot] = []
        while self._lots and size > 0:
            lot, rest = self._lots.popleft().parted(size - 1)
            if rest is not None:
                self._lots.appendleft(rest)
            taken.append(lot)
            self._count(-lot.lines, -len(lot.block))
            self._held += len(lot.block)
            self._held_lots += 1
            size -= len(lot.block)
        return tuple(taken)

    def settle(self, lots: Iterable[Lot], *, arrived: bool) -> None:
        """These were held, and are not any more."""
        for lot in lots:
            if lot.first:
                self._held -= len(lot.block)
                self._held_lots -= 1
                if arrived:
                    self.sent += lot.lines
                    self.newest = max(self.newest, lot.newest)
                else:
                    self.losses.count(lot.lines)
                self._place(lot.mark)

    def pass_by(self, mark: Mark) -> None:
        """Note the place behind lines that nobody wanted; only while nothing earlier can be under way."""
        if not self._lots and not self._held:
            self._place(mark)

    def expire(self, at: float) -> None:
        """Let go of what has waited for too long."""
        while self._lots and self.is_old(self._lots[0], at):
            self._drop(self._lots.popleft())

    def is_old(self, lot: Lot, at: float) -> bool:
        """Whether it has waited for too long."""
        return lot.came < at - self._age

    @property
    def oldest(self) -> int | None:
        """The earliest time of a line that waits, ns."""
        return min((lot.oldest for lot in self._lots), default=None)

    @property
    def since(self) -> float | None:
        """The clock's time at which the first one came that waits."""
        return self._lots[0].came if self._lots else None

    @property
    def _weight(self) -> int:
        return self.size + self._held + LOT_WEIGHT * (len(self._lots) + self._held_lots)

    def _drop(self, lot: Lot) -> None:
        self._count(-lot.lines, -len(lot.block))
        self.losses.count(lot.lines)
        self._place(lot.mark)

    def _place(self, mark: Mark | None) -> None:
        if mark is not None:
            key = (mark.uuid, mark.instance)
            self.places.pop(key, None)
            self.places[key] = mark
            if len(self.places) > MOST_PLACES:
                del self.places[next(iter(self.places))]

    def _count(self, lines: int, size: int) -> None:
        self.lines += lines
        self.size += size


def _fit(last: Lot, new: Lot) -> bool:
    """Whether these are one lot: small, of one source, one right after the other, and of about one time."""
    follows = last.origin == new.origin and last.first + last.lines == new.first
    same = (last.mark and last.mark.uuid) == (new.mark and new.mark.uuid)
    return follows and same and len(last.block) + len(new.block) <= SMALL and new.came - last.came <= JOINED_SECONDS


def _joined(last: Lot, new: Lot) -> Lot:
    return last._replace(block=last.block + new.block, lines=last.lines + new.lines, mark=new.mark)
