"""Which back end of the pool is whose.

An app keeps its back end for as long as the app exists, so that it is stable over changes and restarts. A back end that
was given up is taken last: a request that was on its way to the former owner must not end at the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.router.actual import Actual
from services.router.commands import Command, DropSlot, SetSlot
from services.router.structure import PLATFORM


class Slots:
    """The pool's back ends. `clock` is monotonic, in seconds; it only orders."""

    def __init__(self, pool: Sequence[str], clock: Callable[[], float]) -> None:
        self._pool = tuple(pool)
        self._clock = clock
        self._given_up: dict[str, float] = {}

    def free(self, actual: Actual) -> list[str]:
        """The back ends without an owner and without a server, the one that is free for longest first."""
        taken = {*actual.slots.values(), *actual.servers}
        return sorted(
            (slot for slot in self._pool if slot not in taken), key=lambda slot: self._given_up.get(slot, 0.0)
        )

    def owner_errors(self, actual: Actual) -> list[Command]:
        """What repairs a map of slots that cannot be right: no such back end, or one with two owners."""
        commands: list[Command] = []
        owned: set[str] = set()
        for app, slot in actual.slots.items():
            if app not in PLATFORM and (slot not in self._pool or slot in owned):
                commands.append(DropSlot(app))
            owned.add(slot)
        for part, slot in PLATFORM.items():
            if actual.slots.get(part) != slot:
                commands.append(SetSlot(part, slot, known=part in actual.slots))
        return commands

    def take(self, actual: Actual, *, idle: Callable[[str], bool]) -> tuple[str, list[Command]] | None:
        """A back end for another app, with what to say before it gets servers; None when all are in use.

        When none is free, one of an app that is `idle` (runs nothing) is taken away.
        """
        if free := self.free(actual):
            return free[0], []
        for other, slot in actual.slots.items():
            if other not in PLATFORM and slot not in actual.servers and idle(other):
                return slot, [DropSlot(other)]
        return None

    def give_up(self, app: str, actual: Actual) -> list[Command]:
        """An app that exists no more gives up its back end, once that has no server."""
        slot = actual.slots.get(app)
        if slot is None or slot in actual.servers or app in PLATFORM:
            return []
        self._given_up[slot] = self._clock()
        return [DropSlot(app)]
