"""Which logger the node's lines go to."""

from __future__ import annotations

import asyncio

from libs.keyspace.records import MeshMember
from libs.store.mirror import Mirror


class Loggers:
    """The loggers that announce themselves; every agent chooses the same one.

    A record that went away is no reason to leave: the logger may answer as before while the store is in doubt.
    """

    def __init__(self, members: Mirror[MeshMember]) -> None:
        self._members = members
        self._changed = asyncio.Event()
        members.on_change(lambda _: self._changed.set())

    def _chosen(self) -> MeshMember | None:
        """The first by name of those that are there, the ready ones first."""
        members = [member for _, member in self._members.items()]
        return min(members, key=lambda member: (not member.ready, member.id), default=None)

    async def one(self) -> MeshMember:
        """The chosen one, once there is one."""
        while (member := self._chosen()) is None:
            self._changed.clear()
            await self._changed.wait()
        return member

    async def other_than(self, url: str) -> MeshMember:
        """The chosen one, once that is elsewhere than at `url`."""
        while (member := await self.one()).url == url:
            self._changed.clear()
            await self._changed.wait()
        return member
