"""Which logger keeps which app, as this node sees it: who vanished from the mesh is held for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType

from libs.keyspace.records import MeshMember
from libs.loglines.sharing import logger_of
from libs.store.mirror import Mirror


class Loggers:
    """The loggers that announce themselves, and those that did a moment ago.

    A record that went away is no reason to leave at once: its logger may only have lost its lease. It counts until its
    record was away for `hold` seconds in which the mirror stood without a doubt, and for ever where no other is there.
    """

    def __init__(self, members: Mirror[MeshMember], *, hold: float, clock: Callable[[], float] | None = None) -> None:
        self._members = members
        self._hold = hold
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._held: dict[str, MeshMember] = {}  # by id
        self._away: dict[str, float] = {}  # since when a held one has no record
        members.on_change(lambda moves: None if moves else self._away.clear())  # the watch stands again: count anew

    @property
    def held(self) -> Mapping[str, MeshMember]:
        """The loggers by id, as of the last look."""
        return MappingProxyType(self._held)

    def look(self) -> float | None:
        """Take up what the mirror says; returns after how many seconds it would say more by itself, None: never."""
        present = {member.id: member for _, member in self._members.items()}
        now = self._clock()
        self._away = {id_: self._away.get(id_, now) for id_ in self._held.keys() - present.keys()}
        self._held |= present
        if not (present and self._members.current):
            return self._hold if self._away else None
        for id_, since in list(self._away.items()):
            if now - since >= self._hold:
                del self._held[id_], self._away[id_]
        return min((since + self._hold - now for since in self._away.values()), default=None)

    def owner(self, app_uuid: str) -> str | None:
        """The id of the logger that keeps an app's lines; None while there is none."""
        member = logger_of(app_uuid, self._held.values())
        return member.id if member else None
