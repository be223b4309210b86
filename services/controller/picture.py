"""What the API reads: live copies of the collections, and waiting for what a write leads to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

from libs.keyspace import Collection, Document, Keyspace
from libs.keyspace.records import Build, Instance, Release, Rollout
from libs.store import Store
from libs.store.mirror import Mirror, Moved
from services.controller.errors import NotReady

D = TypeVar("D", bound=Document)
T = TypeVar("T")

CATCHES_UP = 2.0  # seconds that a read waits for its own write at most
STALE_AFTER = 5.0  # seconds without a standing watch before reads are refused


class Awaited(Generic[D]):
    """A mirror, and those who wait for something in it."""

    def __init__(self, store: Store, collection: Collection[D], *under: str) -> None:
        self.mirror = Mirror(store, collection, *under)
        self._waiting: set[asyncio.Event] = set()
        self.mirror.on_change(lambda _: self.ring())

    def ring(self) -> None:
        """Let all who wait look again."""
        for event in self._waiting:
            event.set()

    async def until(self, look: Callable[[], T | None], *, limit: float) -> T | None:
        """What `look` returns once that is something; None after `limit` seconds. `look` may raise."""
        woken = asyncio.Event()
        self._waiting.add(woken)
        try:
            async with asyncio.timeout(limit):
                while (found := look()) is None:
                    await woken.wait()
                    woken.clear()
                return found
        except TimeoutError:
            return look()
        finally:
            self._waiting.discard(woken)

    async def reach(self, revision: int) -> None:
        """Return once the mirror holds this revision (a read after a write sees it), or after `CATCHES_UP`."""
        await self.until(lambda: True if self.mirror.revision >= revision else None, limit=CATCHES_UP)


class Picture:
    """Every collection that the API reads."""

    def __init__(self, store: Store, keyspace: Keyspace) -> None:
        self.platform = Awaited(store, keyspace.platform)
        self.users = Awaited(store, keyspace.users)
        self.tokens = Awaited(store, keyspace.tokens)
        self.keys = Awaited(store, keyspace.keys)
        self.certs = Awaited(store, keyspace.certs)
        self.apps = Awaited(store, keyspace.apps)
        self.builds = Awaited(store, keyspace.builds)
        self.releases = Awaited(store, keyspace.releases)
        self.rollouts = Awaited(store, keyspace.rollouts)
        self.domains = Awaited(store, keyspace.domains)
        self.instances = Awaited(store, keyspace.instances)
        self.health = Awaited(store, keyspace.health)
        self.retiring = Awaited(store, keyspace.retiring)
        self.log_ends = Awaited(store, keyspace.log_ends)
        self.nodes = Awaited(store, keyspace.nodes)
        self.loggers = Awaited(store, keyspace.mesh, "logger")
        self._instances_of: dict[str, dict[tuple[str, ...], Instance]] = {}  # by app uuid
        self._runs_of: dict[str, dict[tuple[str, ...], Instance]] = {}  # one-off runs, by app uuid
        self.instances.mirror.on_change(self._sort_instances)
        self.apps.mirror.on_change(lambda _: self.rollouts.ring())  # who waits for a rollout goes by both
        self._stale_since: float | None = None

    def _all(self) -> dict[str, Awaited[Any]]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Awaited)}

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """What keeps it live, by task name."""
        return {f"mirror_{name}": awaited.mirror.run() for name, awaited in self._all().items()}

    @property
    def complete(self) -> bool:
        """Whether every collection was read once."""
        return all(awaited.mirror.complete for awaited in self._all().values())

    def require(self) -> None:
        """Raise `NotReady` while nothing sure can be read: not everything was listed yet, or the store is away."""
        if not self.complete:
            raise NotReady("The controller has not read the platform's store yet; try again soon.")
        clock = asyncio.get_running_loop().time
        if all(awaited.mirror.current for awaited in self._all().values()):
            self._stale_since = None
        elif self._stale_since is None:
            self._stale_since = clock()
        elif clock() - self._stale_since > STALE_AFTER:
            raise NotReady("The platform's store does not answer; running apps are not touched. Try again soon.")

    def release(self, app_uuid: str, number: int) -> Release | None:
        """One release of an app."""
        return self.releases.mirror.get(app_uuid, number)

    def releases_of(self, app_uuid: str) -> list[Release]:
        """An app's releases, newest first."""
        found = [release for _, release in self.releases.mirror.items(app_uuid)]
        return sorted(found, key=lambda release: release.number, reverse=True)

    def builds_of(self, app_uuid: str) -> list[Build]:
        """An app's builds, newest first."""
        found = [build for _, build in self.builds.mirror.items(app_uuid)]
        return sorted(found, key=lambda build: (build.created, build.uuid), reverse=True)

    def instances_of(self, app_uuid: str) -> list[tuple[tuple[str, ...], Instance]]:
        """An app's instances with the components of their keys; its one-off runs are none of them."""
        return list(self._instances_of.get(app_uuid, {}).items())

    def runs_of(self, app_uuid: str) -> list[Instance]:
        """An app's one-off runs."""
        return list(self._runs_of.get(app_uuid, {}).values())

    def _sort_instances(self, changes: Sequence[Moved[Instance]]) -> None:
        for change in changes:
            if change.old is not None:
                kind = self._runs_of if change.old.once else self._instances_of
                own = kind.get(change.old.app_uuid, {})
                own.pop(change.parts, None)
                if not own:
                    kind.pop(change.old.app_uuid, None)
            if change.new is not None:
                kind = self._runs_of if change.new.once else self._instances_of
                kind.setdefault(change.new.app_uuid, {})[change.parts] = change.new

    def rollouts_of(self, app_uuid: str) -> list[Rollout]:
        """An app's rollouts."""
        return [rollout for _, rollout in self.rollouts.mirror.items(app_uuid)]
