"""The followers: one for each instance that the node's records name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from libs.keyspace.records import Instance
from libs.store.mirror import Mirror
from services.log_agent.follower import Follower


class Followers:
    """Keeps a follower for each record of a mirror; one whose record went away ends by itself, once all was read."""

    def __init__(self, instances: Mirror[Instance], follow: Callable[[Instance], Follower]) -> None:
        self._instances = instances
        self._follow = follow
        self._followers: dict[str, Follower] = {}
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """The mirror changed: look again."""
        self._woken.set()

    async def run(self, gone: Callable[[str], None]) -> None:
        """For ever. `gone` is told the id of an instance whose record is gone and that was read to its end."""
        await self._instances.wait_complete()
        async with asyncio.TaskGroup() as group:
            while True:
                self._woken.clear()
                present = {instance.id: instance for _, instance in self._instances.items()}
                for id_, instance in present.items():
                    if id_ in self._followers:
                        self._followers[id_].saw(instance)
                    else:
                        self._followers[id_] = follower = self._follow(instance)
                        group.create_task(self._run(id_, follower, gone), name=f"follow {instance.name}")
                for id_ in self._followers.keys() - present.keys():
                    self._followers[id_].departed()
                await self._woken.wait()

    async def _run(self, id_: str, follower: Follower, gone: Callable[[str], None]) -> None:
        await follower.run()
        del self._followers[id_]
        gone(id_)
        self.wake()  # its record may be back already
