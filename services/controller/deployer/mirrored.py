"""The records that the deployer goes by, mirrored; and whose app a change concerns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any, Generic, TypeVar

from libs.keyspace import Document, Keyspace
from libs.keyspace.records import App, Build, Release, Rollout, Router
from libs.store import Store
from libs.store.mirror import Mirror, Moved
from libs.store.shelf import Shelf
from services.controller.deployer.relevant import relevant
from services.controller.deployer.view import Filed
from services.controller.mirrors import Mirrors

D = TypeVar("D", bound=Document)


class ByApp(Generic[D]):
    """Records under `<node>/<app>/<instance>`, by app and instance: what a look at one app asks for."""

    def __init__(self, mirror: Mirror[D], touched: Callable[[str], None]) -> None:
        self.mirror = mirror
        self._touched = touched
        self._nodes: dict[str, dict[str, str]] = {}
        mirror.on_change(self._moved)

    def of(self, app: str) -> dict[str, tuple[str, D]]:
        """The app's records by instance id, each with its node."""
        found = ((id_, node, self.mirror.get(node, app, id_)) for id_, node in self.nodes_of(app).items())
        return {id_: (node, record) for id_, node, record in found if record is not None}

    def nodes_of(self, app: str) -> Mapping[str, str]:
        """Their nodes by instance id."""
        return self._nodes.get(app, {})

    def _moved(self, moves: Sequence[Moved[D]]) -> None:
        for move in moves:
            node, app, id_ = move.parts
            held = self._nodes.setdefault(app, {})
            if move.new is not None:
                held[id_] = node
            elif held.get(id_) == node:
                del held[id_]
            if not held:
                del self._nodes[app]
        for app in {move.parts[1] for move in moves}:
            self._touched(app)


class Mirrored:
    """The mirrors. `touched(app)` is called for a change that concerns one app.

    `routed()` for one that concerns those that roll, and `turned()` when a mirror stands again. Those of `shared` are
    kept live by whoever shares them.
    """

    def __init__(  # noqa: PLR0913 - what it reads, and whom it tells of what
        self,
        store: Store,
        keyspace: Keyspace,
        *,
        shared: Mirrors | None = None,
        touched: Callable[[str], None],
        routed: Callable[[], None],
        turned: Callable[[], None],
    ) -> None:
        self._touched, self._routed, self._turned = touched, routed, turned

        own = shared or Mirrors.of(store, keyspace)
        self.apps, self.rollouts, self.nodes, self._outlines = own.apps, own.rollouts, own.nodes, own.outlines
        self.releases, self.builds = own.releases, own.builds
        self.routers = Mirror(store, keyspace.routers)
        self._mirrors: dict[str, Mirror[Any]] = {**own.all(), "routers": self.routers}
        self._to_run = {"routers": self.routers} if shared else self._mirrors
        for mirror in self._mirrors.values():
            mirror.on_change(self._stands)
        self.instances = ByApp(own.instances, touched)
        self.health = ByApp(own.health, touched)
        self.retiring = ByApp(own.retiring, touched)
        self.log_ends = ByApp(own.log_ends, touched)
        self.apps.on_change(self._apps_moved)
        self.rollouts.on_change(self._rollouts_moved)
        self.routers.on_change(self._presence_moved)
        self.nodes.on_change(self._presence_moved)

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """What keeps those live that are not shared, by name."""
        return {f"deployer_mirror_{name}": mirror.run() for name, mirror in self._to_run.items()}

    def steady(self) -> bool:
        """All are complete, and their watches stand: absence may be read from them."""
        return all(mirror.complete and mirror.current for mirror in self._mirrors.values())

    @property
    def complete(self) -> bool:
        """All were listed."""
        return all(mirror.complete for mirror in self._mirrors.values())

    @property
    def app_names(self) -> set[str]:
        """The names of all apps."""
        return {parts[0] for parts, _ in self.apps.items()}

    def rollouts_of(
        self, app: App, *, since: tuple[int, int], ids: Collection[str], releases: Collection[int]
    ) -> dict[int, Filed]:
        """The rollouts that a plan depends on, by release number; see `relevant`."""
        numbers = relevant(self._outlines.of(app.uuid), app, since=since, ids=ids, releases=releases)
        found = ((number, self.rollouts.stored(app.uuid, number)) for number in sorted(numbers))
        return {number: Filed(stored.document, stored.revision) for number, stored in found if stored is not None}

    def routers_present(self) -> dict[str, Router]:
        """The routers whose leases stand."""
        return {parts[0]: router for parts, router in self.routers.items()}

    def nodes_present(self) -> set[str]:
        """The nodes whose leases stand."""
        return {parts[0] for parts, _ in self.nodes.items()}

    def _stands(self, moves: Sequence[Moved[Any]]) -> None:
        if not moves:
            self._turned()

    def _apps_moved(self, moves: Sequence[Moved[App]]) -> None:
        for move in moves:
            self._touched(move.parts[0])

    def _rollouts_moved(self, moves: Sequence[Moved[Rollout]]) -> None:
        for move in moves:
            for record in (move.old, move.new):
                if record is not None:
                    self._touched(record.app)

    def _presence_moved(self, moves: Sequence[Moved[Any]]) -> None:
        if moves:
            self._routed()


class Releases:
    """Wanted releases with their builds. They never change; one that the mirrors lack yet is read from the store."""

    def __init__(self, store: Store, keyspace: Keyspace, mirrored: Mirrored) -> None:
        self._releases, self._builds = Shelf(store, keyspace.releases), Shelf(store, keyspace.builds)
        self._mirrored = mirrored

    async def wanted(self, app: App) -> tuple[Release | None, Build | None]:
        """The app's wanted release and its build. Raises `StoreUnavailable` and `BadRecord`."""
        release = self._mirrored.releases.get(app.uuid, app.release)
        if release is None and (read := await self._releases.get(app.uuid, app.release)) is not None:
            release = read.document
        if release is None or release.build is None:
            return release, None
        build = self._mirrored.builds.get(app.uuid, release.build)
        if build is None and (built := await self._builds.get(app.uuid, release.build)) is not None:
            build = built.document
        return release, build
