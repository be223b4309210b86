"""Waiting for the deployer's word on a change, as v1's requests did."""

from __future__ import annotations

from collections.abc import Callable

from libs.keyspace.records import App, Rollout
from services.controller.carrying import carries
from services.controller.errors import NotFound, NotReady, RolloutFailed, Superseded
from services.controller.events import Events
from services.controller.picture import CATCHES_UP, Picture
from services.controller.releasing import Released, content_of
from services.controller.summary import Content
from services.controller.vault import Vault

Carried = Callable[[int], bool | None]
"""Whether this later release has the change that is waited for; None while it cannot be told."""


class Settling:
    """Follows `rollouts/` on behalf of requests. Nothing that happens to a request touches the rollout.

    Where the app was sent on to another release before a change was out, the change is out once that release is, if it
    has the change; else it never will be. So no request is told that something runs which does not.
    """

    def __init__(self, picture: Picture, vault: Vault, events: Events, *, limit: float) -> None:
        self._picture, self._vault, self._events = picture, vault, events
        self._limit = limit
        self._stopping = False

    def stop(self) -> None:
        """Answer all who wait: the process ends."""
        self._stopping = True
        self._picture.rollouts.ring()

    async def out(self, released: Released, before: Content, after: Content) -> int:
        """Return the number of the release with which this one's change is out: its own, or one that carries it.

        `before` and `after` are the contents between which it is the change. Raises `Superseded` where another release
        came that has not the change; else as `settled`.
        """
        app, number = released.app, released.release.number
        answers: dict[int, bool] = {}

        def carried(later: int) -> bool | None:
            if later not in answers:
                release = self._picture.release(app.uuid, later)
                if release is None:
                    return None
                values = self._vault.unseal(app.uuid, release.config.values)
                found = content_of(None, release.config, values, build_uuid=release.build)
                answers[later] = carries(found, before, after)
            return answers[later]

        try:
            return await self._settled(app, number, released.revision, carried)
        except Superseded as error:
            if self._picture.rollouts.mirror.get(app.uuid, number) is None:  # else the deployer told of it
                await self._events.record(app, "superseded", "controller", error.words, release=number)
            raise

    async def settled(self, app: App, number: int, revision: int) -> None:
        """Return once the app runs as its record at `revision`, with release `number`, or a later record wants it.

        Raises `RolloutFailed` with the reason and the last lines of output; also when it takes too long, or the process
        ends: it then goes on.
        """
        await self._settled(app, number, revision, lambda _: True)

    async def _settled(self, app: App, number: int, revision: int, carried: Carried) -> int:
        look = self._picture.rollouts.until(lambda: self._look(app, number, revision, carried), limit=self._limit)
        out = await look
        if out is None:
            waiting = self._waiting(app, number)
            raise RolloutFailed(f"release v{number} is not out after {self._limit:g} seconds and goes on{waiting}")
        await self._crew_seen(app, out)
        return out

    async def _crew_seen(self, app: App, number: int) -> None:
        """The rollout's record may come before those of its instances, which a listing after this is to show."""
        rollout = self._picture.rollouts.mirror.get(app.uuid, number)
        crew = {planned.id for planned in rollout.planned} if rollout and rollout.phase == "done" else set()

        def look() -> bool | None:
            seen = {instance.id for _, instance in self._picture.instances_of(app.uuid)}
            return True if crew <= seen else None

        await self._picture.instances.until(look, limit=CATCHES_UP)

    def _look(self, app: App, number: int, revision: int, carried: Carried) -> int | None:
        """The release with which the change is out; None while that is not known."""
        present = self._picture.apps.mirror.get(app.id)
        known = self._picture.apps.mirror.revision >= revision
        if known and (present is None or present.uuid != app.uuid):
            raise NotFound
        if known and present is not None and present.state == "destroying":
            raise RolloutFailed(f"{app.id} is being destroyed")
        own = self._picture.rollouts.mirror.get(app.uuid, number)
        if own is not None and own.intent >= revision and own.phase in {"done", "failed"}:
            return _done(own)
        if known and present is not None and present.release != number:
            found = self._overtaken(present, number, revision, carried)
            if found is not None:
                return found
        if self._stopping:
            raise NotReady(f"The controller restarts; release v{number} of {app.id} goes on.")
        return None

    def _overtaken(self, present: App, number: int, revision: int, carried: Carried) -> int | None:
        """The same where the app wants another release now; the deployer settles the earlier one first."""
        other = self._picture.rollouts.mirror.get(present.uuid, present.release)
        if other is None or other.intent <= revision or (has := carried(other.release)) is None:
            return None
        if has:
            return _done(other) if other.phase in {"done", "failed"} else None
        if other.release > number:
            raise Superseded(number, other.release)
        later = [r for r in self._picture.rollouts_of(present.uuid) if r.release > number and r.phase == "failed"]
        failed = max(later, key=lambda rollout: rollout.release, default=None)
        why = f" by v{failed.release}, which failed: {failed.reason}" if failed else ""
        raise RolloutFailed(f"v{number} was superseded before it was deployed{why}\nv{other.release} runs again.")

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


def _done(rollout: Rollout) -> int:
    """Its release; raises `RolloutFailed` for one that failed."""
    if rollout.phase == "failed":
        raise RolloutFailed("\n".join((rollout.reason, *rollout.last_lines)))
    return rollout.release
