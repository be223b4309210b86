"""Waiting for the deployer's word on a change, as v1's requests did."""

from __future__ import annotations

from libs.keyspace.records import App
from services.controller.errors import NotFound, NotReady, RolloutFailed
from services.controller.picture import CATCHES_UP, Picture


class Settling:
    """Follows `rollouts/` on behalf of requests. Nothing that happens to a request touches the rollout."""

    def __init__(self, picture: Picture, *, limit: float) -> None:
        self._picture = picture
        self._limit = limit
        self._stopping = False

    def stop(self) -> None:
        """Answer all who wait: the process ends."""
        self._stopping = True
        self._picture.rollouts.ring()

    async def settled(self, app: App, number: int, revision: int) -> None:
        """Return once release `number`, as asked for by the app's record at `revision`, is out or was superseded.

        Raises `RolloutFailed` with the reason and the last lines of output; also when it takes too long, or the process
        ends: it then goes on.
        """
        done = await self._picture.rollouts.until(lambda: self._look(app, number, revision), limit=self._limit)
        if done is None:
            waiting = self._waiting(app, number)
            raise RolloutFailed(f"release v{number} is not out after {self._limit:g} seconds and goes on{waiting}")
        await self._crew_seen(app, number)

    async def _crew_seen(self, app: App, number: int) -> None:
        """The rollout's record may come before those of its instances, which a listing after this is to show."""
        rollout = self._picture.rollouts.mirror.get(app.uuid, number)
        crew = {planned.id for planned in rollout.planned} if rollout and rollout.phase == "done" else set()

        def look() -> bool | None:
            seen = {instance.id for _, instance in self._picture.instances_of(app.uuid)}
            return True if crew <= seen else None

        await self._picture.instances.until(look, limit=CATCHES_UP)

    def _look(self, app: App, number: int, revision: int) -> bool | None:
        present = self._picture.apps.mirror.get(app.id)
        if self._picture.apps.mirror.revision >= revision:
            if present is None or present.uuid != app.uuid:
                raise NotFound
            if present.state == "destroying":
                raise RolloutFailed(f"{app.id} is being destroyed")
            if present.release > number:
                return True
        rollout = self._picture.rollouts.mirror.get(app.uuid, number)
        if rollout is not None and rollout.intent >= revision and rollout.settled:
            if rollout.phase == "failed":
                raise RolloutFailed("\n".join((rollout.reason, *rollout.last_lines)))
            return True
        if self._stopping:
            raise NotReady(f"The controller restarts; release v{number} of {app.id} goes on.")
        return None

    def _waiting(self, app: App, number: int) -> str:
        rollout = self._picture.rollouts.mirror.get(app.uuid, number)
        return f"; it waits for {rollout.waiting}" if rollout and rollout.waiting else ""

    async def destroyed(self, app: App) -> None:
        """Return once nothing is left of an app. Raises `RolloutFailed` when that takes too long: it goes on."""

        def look() -> bool | None:
            present = self._picture.apps.mirror.get(app.id)
            if self._stopping:
                raise NotReady(f"The controller restarts; the end of {app.id} goes on.")
            return True if present is None or present.uuid != app.uuid else None

        if await self._picture.apps.until(look, limit=self._limit) is None:
            raise RolloutFailed(f"{app.id} is not gone after {self._limit:g} seconds; it is still being destroyed")
