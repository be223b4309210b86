"""Which instances failed users' requests here, and are not trusted before their check passed again.

Only two things make an instance suspect: connections to it that fail, and a request that it did not answer in time. An
error that it answers with is the app's own word. It is trusted again when its service says ready with a pass that is
not older than the suspicion, or when it is another run of the process; never because it accepts connections: one that
hangs does. A check that asks for no more than a connection passes there too, so one that fails users again soon after
it was trusted stays out for longer, each time twice as long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from libs.keyspace.document import now
from libs.keyspace.records import RouterView, Service

log = structlog.get_logger("router")

LATER = timedelta(microseconds=1)
RELAPSE = timedelta(seconds=300)  # failing within this after it was trusted, it is trusted no sooner than after a hold
FIRST_HOLD, LONGEST_HOLD = 2.0, 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Suspicion:
    """That an instance's present run is not trusted. `since` is later than every confirmation that was seen of it."""

    app: str
    since: datetime
    reason: str
    run: datetime | None
    until: datetime | None = None  # the end of its hold


def settled(suspicion: Suspicion, service: Service, at: datetime) -> bool:
    """Whether the service proves that the instance can be trusted again."""
    if service.run != suspicion.run:
        return True
    if suspicion.until is not None and at < suspicion.until:
        return False
    return service.ready and service.confirmed is not None and service.confirmed >= suspicion.since


def hold_after(relapses: int) -> float:
    """Seconds for which one stays out at least that failed users again so many times soon after it was trusted."""
    return min(FIRST_HOLD * 2.0 ** min(relapses - 1, 16), LONGEST_HOLD) if relapses else 0.0


class Suspicions:
    """The suspicions, by instance id in `found`. `clock` tells the time of day."""

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        self._clock = clock
        self._services: dict[str, Service] = {}
        self._confirmed: dict[str, datetime] = {}  # the latest that was seen of each
        self._trusted: dict[str, datetime] = {}  # when it was trusted again
        self._relapses: dict[str, int] = {}
        self._recalled: dict[str, RouterView] = {}
        self._callbacks: list[Callable[[str], None]] = []
        self._holds: list[Callable[[float, str], object]] = []
        self.found: dict[str, Suspicion] = {}

    def on_change(self, callback: Callable[[str], None]) -> None:
        """Call back, with the app, when an instance became suspect, or is not any more."""
        self._callbacks.append(callback)

    def on_hold(self, callback: Callable[[float, str], object]) -> None:
        """Call back, with seconds and an instance, to have it reviewed after them."""
        self._holds.append(callback)

    def recall(self, views: Mapping[str, RouterView]) -> None:
        """Take up what this router said before it was started again, as far as nothing speaks against it."""
        self._recalled = {id_: view for id_, view in views.items() if view.state == "suspect" and view.since}

    def take(self, instance: str, service: Service | None) -> None:
        """Take in an instance's service as it is now; None: it is withdrawn, and another one will be another run's."""
        if service is None:
            for memory in (self._services, self._confirmed, self._trusted, self._relapses):
                memory.pop(instance, None)
            if (ended := self.found.pop(instance, None)) is not None:
                self._tell(ended.app)
            return
        self._services[instance] = service
        if service.confirmed is not None:
            self._confirmed[instance] = max(service.confirmed, self._confirmed.get(instance, service.confirmed))
        if (said := self._recalled.pop(instance, None)) is not None and said.since is not None:
            self.found[instance] = Suspicion(service.app, said.since, said.reason, service.run)
        self.review(instance)

    def review(self, instance: str) -> None:
        """Look whether an instance can be trusted again by what is known of it."""
        suspicion, service, at = self.found.get(instance), self._services.get(instance), self._clock()
        if suspicion is None or service is None or not settled(suspicion, service, at):
            return
        del self.found[instance]
        self._trusted[instance] = at
        if service.run != suspicion.run:
            self._relapses.pop(instance, None)
        log.info("trusts an instance again", app=service.app, instance=instance)
        self._tell(service.app)

    def review_all(self) -> None:
        """The same of all: a hold whose end was missed, for the clock was set, ends here."""
        for instance in list(self.found):
            self.review(instance)

    def accuse(self, instance: str, reason: str, ago: float | None = None) -> None:
        """An instance failed a request that came `ago` seconds ago (None: right now).

        What came before it was trusted again speaks of the time before, and does not count.
        """
        service = self._services.get(instance)
        if service is None or instance in self.found:
            return
        at = self._clock()
        trusted = self._trusted.get(instance)
        if trusted is not None and ago is not None and at - timedelta(seconds=ago) < trusted:
            return
        confirmed = self._confirmed.get(instance)
        since = at if confirmed is None else max(at, confirmed + LATER)
        relapsed = trusted is not None and at - trusted < RELAPSE
        self._relapses[instance] = self._relapses.get(instance, -1) + 1 if relapsed else 0
        hold = hold_after(self._relapses[instance])
        self.found[instance] = Suspicion(service.app, since, reason, service.run, at + timedelta(seconds=hold))
        log.warning("suspects an instance: it failed requests", app=service.app, instance=instance, reason=reason)
        for callback in self._holds if hold else ():
            callback(hold + 0.001, instance)
        self._tell(service.app)

    def _tell(self, app: str) -> None:
        for callback in self._callbacks:
            callback(app)
