"""What the records want of HAProxy: the mirrors, and which apps changed since one looked last."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from libs.keyspace import Document, Keyspace
from libs.keyspace.records import App, Retiring, Rollout, Service
from libs.store.mirror import Mirror, Moved
from libs.store.store import Store
from services.router import picture
from services.router.actual import Server
from services.router.claims import Claims
from services.router.holding import Holding
from services.router.names import CONTROLLER, LOGGERS, is_name
from services.router.suspicions import Suspicions

D = TypeVar("D", bound=Document)

LONGEST_TIMEOUT = 1_000_000  # seconds; HAProxy counts in milliseconds, up to 2^31


class Wanted:
    """Mirrors of everything that the router reads. `domain` is the platform's."""

    def __init__(self, store: Store, keys: Keyspace, domain: str, holding: Holding, suspicions: Suspicions) -> None:
        self._domain = domain.lower()
        self._suspicions = suspicions
        self._holding = holding
        self._services = Mirror(store, keys.services)
        self._retiring = Mirror(store, keys.retiring)
        self._apps = Mirror(store, keys.apps)
        self._domains = Mirror(store, keys.domains)
        self._rollouts = Mirror(store, keys.rollouts, recent=4)  # each is looked at as it changes
        self._controllers = Mirror(store, keys.mesh, "controller")
        self._loggers = Mirror(store, keys.mesh, "logger")
        self._claims = Claims()
        self._everything = True
        self._dirty: set[str] = set()
        self._hosts_dirty = True
        self._callbacks: list[Callable[[], None]] = []
        self._ack_callbacks: list[Callable[[], None]] = []
        self.retiring: dict[str, Retiring] = {}  # by instance id
        self._retiring_apps: dict[str, str] = {}
        self._records: dict[str, App] = {}  # apps by name
        self._published: dict[str, dict[str, Service]] = {}  # app → instance → endpoint
        self._count = 0
        self._unlawful: set[tuple[str, ...]] = set()
        self._planned: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        self._services.on_change(self._services_moved)
        self._retiring.on_change(self._retiring_moved)
        self._apps.on_change(self._apps_moved)
        self._domains.on_change(lambda _: self._touch_hosts())
        self._rollouts.on_change(self._rollouts_moved)
        self._controllers.on_change(lambda _: self._touch({CONTROLLER}))
        self._loggers.on_change(lambda _: self._touch({LOGGERS}))
        suspicions.on_change(self._suspicion_moved)

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """The tasks that keep the mirrors so."""
        return {f"mirror_{name}": mirror.run() for name, mirror in self._mirrors().items()}

    @property
    def complete(self) -> bool:
        """Whether every mirror was listed at least once: before that, nothing is withdrawn and nothing acknowledged."""
        return all(mirror.complete for mirror in self._mirrors().values())

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call back when HAProxy may have to change."""
        self._callbacks.append(callback)

    def on_question(self, callback: Callable[[], None]) -> None:
        """Call back when the deployer may want to hear of other instances."""
        self._ack_callbacks.append(callback)

    def take_dirty(self) -> tuple[set[str] | None, bool]:
        """The apps that changed since the last call (None: any may have), and whether hosts did."""
        dirty, hosts = None if self._everything else self._dirty, self._hosts_dirty
        self._everything, self._dirty, self._hosts_dirty = False, set(), False
        return dirty, hosts

    def touch_everything(self) -> None:
        """Have the next look compare everything."""
        self._everything = self._hosts_dirty = True

    @property
    def apps(self) -> Mapping[str, App]:
        """The apps by name."""
        return self._records

    def app_known(self, app: str) -> bool:
        """Whether the app has a record."""
        return app in self._records

    def published_apps(self) -> set[str]:
        """The apps that have endpoints."""
        return set(self._published)

    def endpoints(self) -> int:
        """How many endpoints all apps have together."""
        return self._count

    def bad(self) -> int:
        """How many records cannot be used: unreadable ones, and endpoints that HAProxy could not be told of."""
        return len(self._unlawful) + sum(len(mirror.bad) for mirror in self._mirrors().values())

    def servers(self, app: str) -> dict[str, Server]:
        """The published servers of an app."""
        if app == CONTROLLER:
            return picture.controller_servers({parts[1]: member for parts, member in self._controllers.items()})
        if app == LOGGERS:
            return picture.logger_servers({parts[1]: member for parts, member in self._loggers.items()})
        if not is_name(app):
            return {}
        published = self._published.get(app, {})
        return picture.app_servers(published, self.retiring, self._claims.holds, self._suspicions.found)

    def timeout(self, app: str) -> str | None:
        """How long an app's requests may be silent, in milliseconds; None: the router's own."""
        record = self._records.get(app)
        seconds = record.settings.response_timeout_seconds if record is not None and is_name(app) else None
        return None if seconds is None else str(min(seconds, LONGEST_TIMEOUT) * 1000)

    def hosts(self) -> dict[str, str]:
        """The map of hosts."""
        own = {f"{app}.{self._domain}".lower(): app for app in self._records}
        names = {parts[0]: record for parts, record in self._domains.items()}
        return picture.hosts(self._records, names, own, f"deis.{self._domain}")

    def is_own_host(self, host: str) -> bool:
        """Whether a host is a name under the platform's domain, and not a user's."""
        return host.partition(".")[2] == self._domain

    def user_hosts(self) -> int:
        """How many domains of users are recorded."""
        return len(self._domains.items())

    def planned(self) -> list[tuple[str, str]]:
        """The instances that are to come into rotation, as (app, instance)."""
        return [pair for pairs in self._planned.values() for pair in pairs]

    def retirements(self) -> list[tuple[str, str]]:
        """The instances asked to retire, as (app, instance)."""
        return [(app, instance) for instance, app in self._retiring_apps.items()]

    def _mirrors(self) -> dict[str, Mirror[Any]]:
        return {
            "services": self._services,
            "retiring": self._retiring,
            "apps": self._apps,
            "domains": self._domains,
            "rollouts": self._rollouts,
            "controllers": self._controllers,
            "loggers": self._loggers,
        }

    def _touch(self, apps: set[str]) -> None:
        self._dirty |= apps
        for callback in self._callbacks:
            callback()

    def _touch_hosts(self) -> None:
        self._hosts_dirty = True
        self._touch(set())

    def _ask(self) -> None:
        for callback in self._ack_callbacks:
            callback()

    def _services_moved(self, moves: Sequence[Moved[Service]]) -> None:
        concerned: set[str] = set()
        for move in moves:
            app, instance = move.parts
            self._take(app, instance, move.new)
            self._suspicions.take(instance, move.new)
            concerned |= self._claims.move(app, instance, move.old, move.new)
        self._touch(concerned)

    def _take(self, app: str, instance: str, service: Service | None) -> None:
        endpoints = self._published.setdefault(app, {})
        self._count -= len(endpoints)
        endpoints.pop(instance, None)
        self._unlawful.discard((app, instance))
        if service is not None:
            endpoints[instance] = service
            if not (is_name(app) and picture.lawful(instance, service)):
                self._unlawful.add((app, instance))
        self._count += len(endpoints)
        if not endpoints:
            del self._published[app]

    def _retiring_moved(self, moves: Sequence[Moved[Retiring]]) -> None:
        for move in moves:
            _, app, instance = move.parts
            if move.new is None:
                self.retiring.pop(instance, None)
                self._retiring_apps.pop(instance, None)
            else:
                self.retiring[instance] = move.new
                self._retiring_apps[instance] = app
        self._touch({move.parts[1] for move in moves})
        self._ask()

    def _apps_moved(self, moves: Sequence[Moved[App]]) -> None:
        for move in moves:
            self._holding.note(move.parts[0], move.new)
            if move.new is None:
                self._records.pop(move.parts[0], None)
            else:
                self._records[move.parts[0]] = move.new
        self._hosts_dirty = True
        self._touch({move.parts[0] for move in moves})

    def _suspicion_moved(self, app: str) -> None:
        self._touch({app})
        self._ask()

    def _rollouts_moved(self, moves: Sequence[Moved[Rollout]]) -> None:
        for move in moves:
            planned = [] if move.new is None else coming(move.new)
            if move.new is None or not planned:
                self._planned.pop(move.parts, None)
            else:
                self._planned[move.parts] = [(move.new.app, id_) for id_ in planned]
        self._ask()


def coming(rollout: Rollout) -> list[str]:
    """The instances of a rollout that the deployer waits for: all of one under way, else those that replace another."""
    return [planned.id for planned in rollout.planned if not rollout.settled or planned.replaces]
