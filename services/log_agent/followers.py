"""The followers of one logger: one for each instance of its apps that the node's records name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Never

import structlog

from libs.keyspace.records import Instance
from libs.store.mirror import Mirror
from services.log_agent.follower import Follower
from services.log_agent.lane import unfit

log = structlog.get_logger("log_agent")

CHECK_SECONDS = 0.5  # between two looks which outputs are to be compared with what is stored


class Followers:
    """Keeps a follower for each record of a mirror that is `mine`.

    One whose record went away ends by itself, once all was read; one whose app moved is left at once. A record whose
    fields no frame can carry is passed over, with a word in the journal.
    """

    def __init__(
        self,
        instances: Mirror[Instance],
        mine: Callable[[Instance], bool],
        follow: Callable[[Instance], Follower],
    ) -> None:
        self._instances = instances
        self._mine = mine
        self._follow = follow
        self._followers: dict[str, tuple[Follower, asyncio.Task[None]]] = {}
        self._unfit: dict[str, Instance] = {}  # that were told
        self._woken = asyncio.Event()

    @property
    def ids(self) -> Collection[str]:
        """The instances that are followed."""
        return self._followers.keys()

    def wake(self) -> None:
        """The mirror changed, or whose is whose: look again."""
        self._woken.set()

    async def run(self, gone: Callable[[str], None]) -> None:
        """For ever. `gone` is told the id of an instance whose record is gone and that was read to its end."""
        await self._instances.wait_complete()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._check(), name="check open outputs")
            while True:
                self._woken.clear()
                present = {instance.id: instance for _, instance in self._instances.items()}
                for id_, instance in present.items():
                    if not self._mine(instance):
                        self._leave(id_)
                    elif id_ in self._followers:
                        self._followers[id_][0].saw(instance)
                    elif self._is_fit(instance):
                        follower = self._follow(instance)
                        run = self._run(id_, follower, gone)
                        self._followers[id_] = follower, group.create_task(run, name=f"follow {instance.name}")
                self._unfit = {id_: told for id_, told in self._unfit.items() if id_ in present}
                for id_ in self._followers.keys() - present.keys():
                    self._followers[id_][0].departed()
                await self._woken.wait()

    async def _check(self) -> Never:
        """One after the other, so that the engine is asked little at a time."""
        while True:
            for follower, _ in list(self._followers.values()):
                await follower.check()
            await asyncio.sleep(CHECK_SECONDS)

    def _is_fit(self, instance: Instance) -> bool:
        """Whether it can be followed; says once why not."""
        reason = unfit(instance)
        if reason and self._unfit.get(instance.id) != instance:
            self._unfit[instance.id] = instance
            log.error("an instance's record is unfit for its lines: not followed", instance=instance.id, reason=reason)
        return not reason

    def _leave(self, id_: str) -> None:
        if id_ in self._followers:
            self._followers.pop(id_)[1].cancel()

    async def _run(self, id_: str, follower: Follower, gone: Callable[[str], None]) -> None:
        await follower.run()
        del self._followers[id_]
        gone(id_)
        self.wake()  # its record may be back already
