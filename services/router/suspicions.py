"""Which instances failed users' requests here, and are not trusted before their check passed again.

Only two things make an instance suspect: connections to it that fail, and a request that it did not answer in time. An
error that it answers with is the app's own word. It is trusted again when its service says ready with a pass that is
not older than the suspicion, or when it is another run of the process; never because it accepts connections: one that
hangs does.
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


@dataclass(frozen=True, slots=True)
class Suspicion:
    """That an instance's present run is not trusted. `since` is later than every confirmation that was seen of it."""

    app: str
    since: datetime
    reason: str
    run: datetime | None


def settled(suspicion: Suspicion, service: Service) -> bool:
    """Whether the service proves that the instance can be trusted again."""
    if service.run != suspicion.run:
        return True
    return service.ready and service.confirmed is not None and service.confirmed >= suspicion.since


class Suspicions:
    """The suspicions, by instance id in `found`. `clock` tells the time of day."""

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        self._clock = clock
        self._services: dict[str, Service] = {}
        self._confirmed: dict[str, datetime] = {}  # the latest that was seen of each
        self._trusted: dict[str, datetime] = {}  # when it was trusted again
        self._recalled: dict[str, RouterView] = {}
        self._callbacks: list[Callable[[str], None]] = []
        self.found: dict[str, Suspicion] = {}

    def on_change(self, callback: Callable[[str], None]) -> None:
        """Call back, with the app, when an instance became suspect, or is not any more."""
        self._callbacks.append(callback)

    def recall(self, views: Mapping[str, RouterView]) -> None:
        """Take up what this router said before it was started again, as far as nothing speaks against it."""
        self._recalled = {id_: view for id_, view in views.items() if view.state == "suspect" and view.since}

    def take(self, instance: str, service: Service | None) -> None:
        """Take in an instance's service as it is now; None: it is withdrawn, and another one will be another run's."""
        if service is None:
            for memory in (self._services, self._confirmed, self._trusted):
                memory.pop(instance, None)
            if (ended := self.found.pop(instance, None)) is not None:
                self._tell(ended.app)
            return
        self._services[instance] = service
        if service.confirmed is not None:
            self._confirmed[instance] = max(service.confirmed, self._confirmed.get(instance, service.confirmed))
        if (said := self._recalled.pop(instance, None)) is not None and said.since is not None:
            self.found[instance] = Suspicion(service.app, said.since, said.reason, service.run)
        suspicion = self.found.get(instance)
        if suspicion is not None and settled(suspicion, service):
            del self.found[instance]
            self._trusted[instance] = self._clock()
            log.info("trusts an instance again", app=service.app, instance=instance)
            self._tell(service.app)

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
        self.found[instance] = Suspicion(service.app, since, reason, service.run)
        log.warning("suspects an instance: it failed requests", app=service.app, instance=instance, reason=reason)
        self._tell(service.app)

    def _tell(self, app: str) -> None:
        for callback in self._callbacks:
            callback(app)
