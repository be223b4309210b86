"""What the API reads: live copies of the collections, and waiting for what a write leads to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any, Generic, TypeVar

from libs.keyspace import Document, Keyspace
from libs.keyspace.records import App, Build, Domain, Instance, Release, Rollout
from libs.store import Store
from libs.store.mirror import Mirror, Moved
from services.controller.errors import NotReady
from services.controller.mirrors import RECENT, Mirrors
from services.controller.outlines import Outline
from services.controller.process_types import fitted
from services.controller.ranked import Population, Ranked, by_age, by_name, by_number

D = TypeVar("D", bound=Document)
T = TypeVar("T")

CATCHES_UP = 2.0  # seconds that a read waits for its own write at most
STALE_AFTER = 5.0  # seconds without a standing watch before reads are refused


class Awaited(Generic[D]):
    """A mirror, and those who wait for something in it."""

    def __init__(self, mirror: Mirror[D]) -> None:
        self.mirror = mirror
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
        self.mirrors = Mirrors.of(store, keyspace)
        self.platform = Awaited(Mirror(store, keyspace.platform))
        self.users = Awaited(Mirror(store, keyspace.users))
        self.tokens = Awaited(Mirror(store, keyspace.tokens))
        self.keys = Awaited(Mirror(store, keyspace.keys))
        self.certs = Awaited(Mirror(store, keyspace.certs))
        self.apps = Awaited(self.mirrors.apps)
        self.builds = Awaited(self.mirrors.builds)
        self.releases = Awaited(self.mirrors.releases)
        self.rollouts = Awaited(self.mirrors.rollouts)
        self.domains = Awaited(Mirror(store, keyspace.domains, recent=RECENT))
        self.instances = Awaited(self.mirrors.instances)
        self.health = Awaited(self.mirrors.health)
        self.retiring = Awaited(self.mirrors.retiring)
        self.log_ends = Awaited(self.mirrors.log_ends)
        self.nodes = Awaited(self.mirrors.nodes)
        self.drains = Awaited(Mirror(store, keyspace.drains, recent=RECENT))
        self.drain_states = Awaited(Mirror(store, keyspace.drain_states, recent=RECENT))
        self.loggers = Awaited(Mirror(store, keyspace.mesh, "logger"))
        self._awaited = {name: value for name, value in vars(self).items() if isinstance(value, Awaited)}
        self._releases = Ranked(self.releases.mirror, by_number, self.release)
        self._builds = Ranked(self.builds.mirror, by_age, lambda app, rank: self.builds.mirror.get(app, rank[1]))
        self._domains = Ranked(self.domains.mirror, by_name, lambda _, fqdn: self.domains.mirror.get(fqdn))
        self._instances = Population(self.instances.mirror)
        self._structures: dict[str, Mapping[str, int]] = {}  # by app uuid, while the app and its releases are the same
        self.releases.mirror.on_change(self._releases_moved)
        self.apps.mirror.on_change(self._apps_moved)
        self.apps.mirror.on_change(lambda _: self.rollouts.ring())  # who waits for a rollout goes by both
        self._stale_since: float | None = None

    def _all(self) -> Mapping[str, Awaited[Any]]:
        return self._awaited

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """What keeps it live, by task name."""
        return {f"mirror_{name}": awaited.mirror.run() for name, awaited in self._awaited.items()}

    @property
    def complete(self) -> bool:
        """Whether every collection was read once."""
        return all(awaited.mirror.complete for awaited in self._awaited.values())

    def require(self) -> None:
        """Raise `NotReady` while nothing sure can be read: not everything was listed yet, or the store is away."""
        if not self.complete:
            raise NotReady("The controller has not read the platform's store yet; try again soon.")
        clock = asyncio.get_running_loop().time
        if all(awaited.mirror.current for awaited in self._awaited.values()):
            self._stale_since = None
        elif self._stale_since is None:
            self._stale_since = clock()
        elif clock() - self._stale_since > STALE_AFTER:
            raise NotReady("The platform's store does not answer; running apps are not touched. Try again soon.")

    def release(self, app_uuid: str, number: int) -> Release | None:
        """One release of an app."""
        return self.releases.mirror.get(app_uuid, number)

    def build(self, app_uuid: str, number: int) -> Build | None:
        """The build of one release of an app."""
        release = self.release(app_uuid, number)
        return self.builds.mirror.get(app_uuid, release.build) if release and release.build else None

    def structure_of(self, app: App) -> Mapping[str, int]:
        """What of an app's formation runs: that which its release's build has; all of it where there is no build."""
        if (found := self._structures.get(app.uuid)) is not None:
            return found
        build = self.build(app.uuid, app.release)
        if build is None:
            return app.formation
        fits = fitted(app.formation, build)
        found = self._structures[app.uuid] = app.formation if fits == app.formation else fits
        return found

    def _releases_moved(self, moves: Sequence[Moved[Release]]) -> None:
        if self._structures:
            for move in moves:
                self._structures.pop(move.parts[0], None)

    def _apps_moved(self, moves: Sequence[Moved[App]]) -> None:
        for app in (app for move in moves for app in (move.old, move.new) if app is not None):
            self._structures.pop(app.uuid, None)

    def releases_of(self, app_uuid: str, upto: int | None = None) -> Sequence[Release]:
        """An app's releases, newest first, from this number on; each is read when it is looked at."""
        return self._releases.backwards(app_uuid, upto)

    def builds_of(self, app_uuid: str) -> Sequence[Build]:
        """An app's builds, newest first; each is read when it is looked at."""
        return self._builds.backwards(app_uuid)

    def domains_of(self, app: str) -> Sequence[Domain]:
        """The domains of the app of this name, by name; each is read when it is looked at."""
        return self._domains.of(app)

    def instances_of(self, app_uuid: str) -> list[tuple[tuple[str, ...], Instance]]:
        """An app's instances with the components of their keys; its one-off runs are none of them."""
        return self._instances.of(app_uuid)

    def running(self, app_uuid: str) -> set[int]:
        """The releases that an app has instances of."""
        return self._instances.releases(app_uuid)

    def runs_of(self, app_uuid: str) -> list[Instance]:
        """An app's one-off runs."""
        return [instance for _, instance in self._instances.of(app_uuid, once=True)]

    def outlines_of(self, app_uuid: str) -> Mapping[int, Outline]:
        """What is at hand of an app's rollouts, by release number."""
        return self.mirrors.outlines.of(app_uuid)

    def rollouts_about(self, app_uuid: str, ids: Collection[str]) -> list[Rollout]:
        """An app's rollouts that are under way, and those that name one of these instances."""
        numbers = self.mirrors.outlines.about(app_uuid, ids)
        found = (self.rollouts.mirror.get(app_uuid, number) for number in numbers)
        return [rollout for rollout in found if rollout is not None]
