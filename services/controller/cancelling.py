"""Ending a rollout by a user's word: where the app goes back to, and the one write that says so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import App, Cancelled, Instance, Release, Rollout
from libs.store import StaleRevision, Store
from libs.store.shelf import Shelf, Stored
from services.controller.errors import Conflict, NotFound, NotUnderWay
from services.controller.standing import is_out

TRIES = 10  # against writers of the app that do not mind the cancelling: scales, settings, the deployer


@dataclass(frozen=True)
class Cancelling:
    """A rollout that was cancelled, the release that the app wants again, and the app's revision that says so."""

    version: int
    back_to: int
    revision: int


def refuse_unless_under_way(number: int, app: App, release: Release, rollouts: Mapping[int, Rollout]) -> None:
    """Raise `NotUnderWay` for what is no rollout under way that never succeeded, with what to do instead."""
    rollout = rollouts.get(number)
    phase = rollout.phase if rollout else ""
    match phase:
        case _ if is_out(rollout) and number != app.release:
            words = f"v{number} was out before v{app.release}, so there is nothing to cancel"
        case _ if is_out(rollout):
            words = (
                f"v{number} is out already, so there is nothing to cancel; to leave it, roll back to another release"
            )
        case "failed":
            words = f"v{number} failed already: {rollout.reason if rollout else ''}"
        case "cancelled" | "superseded":
            words = f"v{number} was {phase} already"
        case _ if number != app.release:
            words = f"v{number} is not under way: v{app.release} is wanted"
        case _ if release.build is None:
            words = f"Nothing is under way: v{number} has no build, so nothing of it runs"
        case _:
            return
    raise NotUnderWay(words)


def way_back(number: int, releases: Iterable[int], rollouts: Mapping[int, Rollout]) -> int:
    """The release to go back to: the one that ran when the rollout began, else the latest earlier one that was out.

    Where nothing was ever out, the one that was wanted before; at a first deploy that is one without a build.
    """
    own = rollouts.get(number)
    earlier = sorted((n for n in releases if n < number), reverse=True)
    if own is not None and own.fallback in earlier:
        return own.fallback
    out = (n for n in earlier if is_out(rollouts.get(n)))
    wanted = (n for n in earlier if (found := rollouts.get(n)) is None or found.phase != "cancelled")
    return next(out, None) or next(wanted, 1)


def formation_at(back_to: int, app: App, instances: Iterable[Instance]) -> dict[str, int]:
    """The formation, with the types that run at the release to go back to: none of what served is lost on the way."""
    running = {(i.type, i.number) for i in instances if i.release == back_to}
    missing = {type_ for type_, _ in running} - app.formation.keys()
    return {**app.formation, **{type_: sum(slot[0] == type_ for slot in running) for type_ in sorted(missing)}}


class Cancels:
    """Cancels rollouts: one compare-and-swap of the app; the deployer settles the rollout."""

    def __init__(self, store: Store, keyspace: Keyspace) -> None:
        self._apps = Shelf(store, keyspace.apps)
        self._releases = Shelf(store, keyspace.releases)
        self._rollouts = Shelf(store, keyspace.rollouts)

    async def cancel(self, app: App, number: int | None, by: str, instances: Iterable[Instance]) -> Cancelling:
        """Point the app back. Raises `NotFound`, `NotUnderWay`, and `Conflict` where others were faster each time."""
        running = list(instances)
        mine: Cancelled | None = None
        for _ in range(TRIES):
            stored = await self._apps.get(app.id)
            if stored is None or stored.document.uuid != app.uuid or stored.document.state != "live":
                raise NotFound
            present = stored.document
            if mine is not None and present.cancelled == mine:
                return Cancelling(mine.release, present.release, stored.revision)  # our own put, answered twice
            version = present.release if number is None else number
            back_to = await self._decide(stored, version)
            mine = Cancelled(release=version, by=by, at=now())
            back = present.changed(
                release=back_to,
                cancelled=mine,
                formation=formation_at(back_to, present, running),
                updated=mine.at,
            )
            try:
                return Cancelling(version, back_to, await self._apps.put(back, app.id, expect=stored.revision))
            except StaleRevision:
                continue
        raise Conflict(app.id)

    async def _decide(self, stored: Stored[App], version: int) -> int:
        app = stored.document
        release = await self._releases.get(app.uuid, version)
        if release is None or version > app.latest:
            raise NotFound
        rollouts = {filed.document.release: filed.document for filed in await self._rollouts.list(app.uuid)}
        refuse_unless_under_way(version, app, release.document, rollouts)
        releases = [filed.document.number for filed in await self._releases.list(app.uuid)]
        return way_back(version, releases, rollouts)
