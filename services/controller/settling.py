"""Waiting for the deployer's word on a change, as v1's requests did."""

from __future__ import annotations

from collections.abc import Callable

from libs.keyspace.records import App, Rollout
from libs.vault import Vault
from services.controller.cancelling import Cancelling
from services.controller.carrying import carries
from services.controller.errors import NotFound, NotReady, RolloutFailed, Superseded, WasCancelled
from services.controller.events import Events
from services.controller.picture import CATCHES_UP, Picture
from services.controller.releasing import Released, content_of
from services.controller.summary import Content

LINES_TOLD = 50  # of a failed instance's output

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
        self.stopping = False

    def stop(self) -> None:
        """Answer all who wait: the process ends."""
        self.stopping = True
        self._picture.rollouts.ring()

    async def out(self, released: Released, before: Content, after: Content) -> int:
        """Return the number of the release with which this one's change is out: its own, or one that carries it.

        `before` and `after` are the contents between which it is the change. Raises `Superseded` where another release
        came that has not the change, `WasCancelled` where a user cancelled it; else as `settled`.
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
        if known:
            _refuse_ended(app, present)
        own = self._picture.rollouts.mirror.get(app.uuid, number)
        if own is not None and own.intent >= revision and own.phase in {"done", "failed"}:
            return _done(own)
        if known and present is not None and present.release != number:
            found = self._overtaken(present, number, revision, carried)
            if found is not None:
                return found
        if self.stopping:
            raise NotReady(f"The controller restarts; release v{number} of {app.id} goes on.")
        return None

    def _overtaken(self, present: App, number: int, revision: int, carried: Carried) -> int | None:
        """The same where the app wants another release now; the deployer settles the earlier one first."""
        if (has := carried(present.release)) is None:
            return None
        if not has:
            self._refuse_cancelled(present, number)
        other = self._picture.rollouts.mirror.get(present.uuid, present.release)
        if other is None or other.intent <= revision:
            return None
        if has:
            return _done(other) if other.phase in {"done", "failed"} else None
        if other.release > number:
            raise Superseded(number, other.release)
        ends = {"failed", "cancelled"}
        known = self._picture.outlines_of(present.uuid)
        last = max((later for later, one in known.items() if later > number and one.phase in ends), default=None)
        if last is not None and known[last].phase == "cancelled":
            by = f"v{last}, which was {known[last].reason}"
            raise WasCancelled(f"v{number} was superseded by {by}; v{other.release} runs")
        why = f" by v{last}, which failed: {known[last].reason}" if last else ""
        raise RolloutFailed(f"v{number} was superseded before it was deployed{why}\nv{other.release} runs again.")

    def _refuse_cancelled(self, present: App, number: int) -> None:
        """Raise `WasCancelled` for a change that is settled as such, or that nobody had begun with."""
        own = self._picture.rollouts.mirror.get(present.uuid, number)
        word = present.cancelled if present.cancelled is not None and present.cancelled.release == number else None
        if own is not None and own.phase == "cancelled":
            how = own.reason
        elif own is None and word is not None:
            how = f"cancelled by {word.by}"
        else:
            return
        wanted = self._picture.release(present.uuid, present.release)
        runs = f"v{present.release} runs" if wanted is not None and wanted.build is not None else "nothing runs"
        raise WasCancelled(f"v{number} was {how}; {runs}")

    async def cancelled(self, app: App, cancelling: Cancelling) -> None:
        """Return once the rollout is settled and the app runs the release that it went back to, or nothing.

        Also when another change came meanwhile. Raises `RolloutFailed` when that takes too long, or goes wrong: the
        rollout is cancelled all the same.
        """
        found = await self._picture.rollouts.until(lambda: self._is_back(app, cancelling), limit=self._limit)
        if found is None:
            over, back = cancelling.version, cancelling.back_to
            late = f"v{back} does not run as wanted after {self._limit:g} seconds and goes on"
            raise RolloutFailed(f"v{over} is cancelled; {late}{self._waiting(app, back)}")

    def _is_back(self, app: App, cancelling: Cancelling) -> bool | None:
        rollouts, version, back_to = self._picture.rollouts.mirror, cancelling.version, cancelling.back_to
        present = self._picture.apps.mirror.get(app.id)
        known = self._picture.apps.mirror.revision >= cancelling.revision
        if known:
            _refuse_ended(app, present)
        if self.stopping:
            raise NotReady(f"The controller restarts; cancelling v{version} of {app.id} goes on.")
        own, back = rollouts.get(app.uuid, version), rollouts.get(app.uuid, back_to)
        if not known or present is None or (own is not None and not own.settled):
            return None
        if present.release != back_to or (own is None and back is None):
            return True  # another change came; or nothing had begun
        if back is None or back.intent < cancelling.revision or not back.settled:
            return None
        if back.phase == "failed":
            raise RolloutFailed(_lines(f"v{version} was cancelled, but v{back_to} does not run: {back.reason}", back))
        return True

    def _waiting(self, app: App, number: int) -> str:
        rollout = self._picture.rollouts.mirror.get(app.uuid, number)
        return f"; it waits for {rollout.waiting}" if rollout and rollout.waiting else ""

    async def destroyed(self, app: App) -> None:
        """Return once nothing is left of an app. Raises `RolloutFailed` when that takes too long: it goes on."""

        def look() -> bool | None:
            present = self._picture.apps.mirror.get(app.id)
            if self.stopping:
                raise NotReady(f"The controller restarts; the end of {app.id} goes on.")
            return True if present is None or present.uuid != app.uuid else None

        if await self._picture.apps.until(look, limit=self._limit) is None:
            raise RolloutFailed(f"{app.id} is not gone after {self._limit:g} seconds; it is still being destroyed")


def _done(rollout: Rollout) -> int:
    """Its release; raises `RolloutFailed` for one that failed."""
    if rollout.phase == "failed":
        runs = rollout.fallback or (rollout.release if rollout.succeeded else None)
        goes_on = f"; v{runs} goes on" if runs else ""
        raise RolloutFailed(_lines(rollout.reason + goes_on, rollout))
    return rollout.release


def _lines(words: str, rollout: Rollout) -> str:
    return "\n".join((words, *rollout.last_lines[-LINES_TOLD:]))


def _refuse_ended(app: App, present: App | None) -> None:
    """Raise what ends every wait: the app is gone, or on its way out."""
    if present is None or present.uuid != app.uuid:
        raise NotFound
    if present.state == "destroying":
        raise RolloutFailed(f"{app.id} is being destroyed")
