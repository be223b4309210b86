"""Keeps HAProxy as the records want it: the first of the router's loops."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from services.router.actual import Actual, Server
from services.router.commands import Command, SetSlot
from services.router.diff import diff_hosts, diff_servers, diff_timeout
from services.router.haproxy import HAProxy, HAProxyRefused
from services.router.hearing import Failure
from services.router.holding import SECOND_LOOK, Holding
from services.router.meters import Meters
from services.router.names import CONTROLLER, LOGGERS
from services.router.slots import Slots
from services.router.structure import PLATFORM
from services.router.suspicions import Suspicions
from services.router.wanted import Wanted

log = structlog.get_logger("router")

FULL_LOOK = 30.0  # seconds between two readings of HAProxy's whole state
SOON = 0.5  # seconds after which one looks whether servers were found down of which the word was lost
FAILURES = 1000  # that are remembered until the next turn of the loop; more would tell nothing new


class Routing:
    """Compares what is wanted with what HAProxy has, and says the difference to HAProxy.

    `decided` holds, for each back end that was ever decided on, the servers that belong there. `clock` is monotonic.
    """

    def __init__(  # noqa: PLR0913 - the parts that it brings together
        self,
        haproxy: HAProxy,
        wanted: Wanted,
        *,
        holding: Holding,
        suspicions: Suspicions,
        slots: Slots,
        meters: Meters,
        clock: Callable[[], float],
    ) -> None:
        self._haproxy = haproxy
        self._wanted = wanted
        self._holding = holding
        self._suspicions = suspicions
        self._slots = slots
        self._meters = meters
        self._clock = clock
        self._looked = float("-inf")
        self._applied: list[Callable[[], None]] = []
        self._doubts: list[Callable[[float], object]] = []
        self._second_look = False
        self._heard: list[Failure] = []
        self.decided: dict[str, Mapping[str, Server]] = {}
        self.unplaced: set[str] = set()

    def on_applied(self, callback: Callable[[], None]) -> None:
        """Call back when HAProxy was changed or read anew."""
        self._applied.append(callback)

    def on_second_look(self, callback: Callable[[float], object]) -> None:
        """Call back, with seconds, when something is to be looked at again that was not believed at first."""
        self._doubts.append(callback)

    async def apply_picture(self) -> None:
        """The loop's body; raises `HAProxyUnavailable`, and `HAProxyRefused` when they must be compared again."""
        if not self._haproxy.connected:
            return  # woken as soon as it is
        async with self._haproxy.changing:
            self._take_heard()
            looked = await self._look_if_due()
            sent = await self._route() if self._wanted.complete else 0
        if looked or sent:
            for callback in self._applied:
                callback()
        if self._haproxy.doubt:
            raise HAProxyRefused("the two pictures differ otherwise than they seemed to")

    def hear(self, failures: list[Failure]) -> None:
        """Take in what HAProxy tells of its own accord, at the loop's next turn."""
        self._heard += failures[: max(0, FAILURES - len(self._heard))]

    def _take_heard(self) -> None:
        heard, self._heard = self._heard, []
        for failure in heard:
            if failure.down:
                self._haproxy.actual.found_down(failure.backend, failure.name)
                self._looked = min(self._looked, self._clock() - FULL_LOOK * 0.8 + SOON)
                for callback in self._doubts:
                    callback(SOON)
            self._suspicions.accuse(failure.name, failure.reason, failure.ago)

    def _suspect_what_is_down(self) -> None:
        """Of a server that is down and was not suspected the word was lost, or came before this process."""
        for _, name, server in self._haproxy.actual.all_servers():
            if server.state == "ready" and not server.up:
                self._suspicions.accuse(name, "no connection: HAProxy found it down")

    async def _look_if_due(self) -> bool:
        if not self._haproxy.doubt and self._clock() - self._looked < FULL_LOOK * 0.8:
            return False
        await self._haproxy.look()
        self._looked = self._clock()
        self._wanted.touch_everything()
        return True

    async def _route(self) -> int:
        """Say what is to change, in one batch; returns how many commands that took."""
        began = self._clock()
        dirty, hosts = self._wanted.take_dirty()
        if dirty is None:
            self._suspicions.review_all()
            self._suspect_what_is_down()
        try:
            draft = self._haproxy.actual.copy()
            commands = self._plan(dirty, draft)
            if hosts or self._second_look:
                commands += self._plan_hosts(draft)
            await self._haproxy.apply(commands)
        except BaseException:
            self._wanted.touch_everything()
            raise
        if commands:
            self._meters.commands.inc(len(commands))
            self._meters.seconds.observe(self._clock() - began)
        return len(commands)

    def _plan(self, dirty: set[str] | None, draft: Actual) -> list[Command]:
        """What to say of servers and back ends, for the apps that changed; `draft` becomes what HAProxy will have."""
        commands: list[Command] = []

        def say(more: list[Command]) -> None:
            for command in more:
                draft.apply(command)
            commands.extend(more)

        if dirty is None:
            self.decided.clear()
            say(self._slots.owner_errors(draft))
            apps = self._wanted.published_apps() | self._wanted.apps.keys() | self._holding.servers.keys()
            apps |= draft.slots.keys() | draft.timeouts.keys() | PLATFORM.keys()
        else:
            apps = dirty | self.unplaced
        for app in sorted(apps):
            say(self._plan_app(app, draft))
            say(self._plan_timeout(app, draft))
        if dirty is None:
            for backend in draft.servers:
                self.decided.setdefault(backend, {})  # no app's: left by an interrupted change
        return commands

    def _plan_app(self, app: str, draft: Actual) -> list[Command]:
        if app == LOGGERS and not self._haproxy.tails:
            return []  # until the reload that is due
        servers = self._servers_of(app, draft)
        backend = draft.slots.get(app)
        first, last = list[Command](), list[Command]()  # around the servers: no app's traffic meets another's
        self.unplaced.discard(app)
        self._meters.unplaced.set(len(self.unplaced))
        if backend is None:
            if not servers:
                return []
            taken = self._slots.take(draft, idle=lambda other: not self._servers_of(other, draft))
            if taken is None:
                log.error("no back end is left; raise DEIS_ROUTER_POOL", app=app)
                self.unplaced.add(app)
                self._meters.unplaced.set(len(self.unplaced))
                return []
            backend, first = taken
            last = [SetSlot(app, backend, known=False)]
        self.decided[backend] = servers
        commands = [*first, *diff_servers(backend, servers, draft.servers.get(backend, {})), *last]
        if commands or servers or self._wanted.app_known(app):
            return commands
        return self._slots.give_up(app, draft)

    def _plan_timeout(self, app: str, draft: Actual) -> list[Command]:
        if not self._haproxy.times:
            return []  # until the reload that is due
        have = draft.timeouts.get(app)
        held = app in draft.slots and not self._wanted.app_known(app)  # its record vanished, its servers are held
        return diff_timeout(app, have if held else self._wanted.timeout(app), have)

    def _servers_of(self, app: str, draft: Actual) -> Mapping[str, Server]:
        """What an app should have: what is published, or what is held for it."""
        published = self._wanted.servers(app)
        present = draft.of_app(app)
        if app in PLATFORM:
            return published or present  # announcements are leased, and a lease that ended says nothing
        held_before = app in self._holding.servers
        servers = self._holding.decide(
            app,
            published,
            {name: server for name, server in present.items() if server.state == "ready"},
            retiring=self._wanted.retiring,
            endpoints=self._wanted.endpoints(),
            apps=self._wanted.apps,
        )
        if app in self._holding.servers and not held_before:
            log.warning("every endpoint of the platform vanished; holding the app's", app=app, servers=len(servers))
        elif held_before and app not in self._holding.servers:
            log.info("no longer holding the app's endpoints", app=app)
        return servers

    def _plan_hosts(self, draft: Actual) -> list[Command]:
        wanted, mapped = self._wanted.hosts(), draft.hosts
        self._second_look = False
        if self._holding.hold_hosts(self._wanted.apps, frozenset(mapped.values()) - {CONTROLLER}):
            return diff_hosts({**mapped, **wanted}, mapped)
        users = {host for host, app in mapped.items() if app != CONTROLLER and not self._wanted.is_own_host(host)}
        if self._holding.hold_domains(self._wanted.user_hosts(), len(users), self._clock()):
            wanted = {**{host: mapped[host] for host in users if self._wanted.app_known(mapped[host])}, **wanted}
            self._second_look = True
            for callback in self._doubts:
                callback(SECOND_LOOK)
        return diff_hosts(wanted, mapped)
