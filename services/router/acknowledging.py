"""Tells the deployer what HAProxy confirmed, and the checkers what failed users, in `routers/<id>`."""

from __future__ import annotations

from collections.abc import Callable

from libs.keyspace.document import now
from libs.keyspace.records import Router, RouterView
from libs.store.session import Session
from services.router.acks import same_but_counts, views
from services.router.drains import Drains
from services.router.haproxy import HAProxy
from services.router.suspicions import Suspicions
from services.router.wanted import Wanted

COUNTS_EVERY = 1.0  # seconds between two writes that differ in counts only; a transition is written at once


class Acknowledging:
    """Publishes this router's views under `key`. It is silent until HAProxy was read and every mirror is complete.

    While HAProxy cannot be read, the last word stands. `later` has the loop look again after some seconds.
    """

    def __init__(  # noqa: PLR0913 - the parts that it speaks of
        self,
        session: Session,
        *,
        key: str,
        node: str,
        haproxy: HAProxy,
        wanted: Wanted,
        drains: Drains,
        suspicions: Suspicions,
        clock: Callable[[], float],
        later: Callable[[float], object],
    ) -> None:
        self._session = session
        self._key = key
        self._node = node
        self._haproxy = haproxy
        self._wanted = wanted
        self._drains = drains
        self._suspicions = suspicions
        self._clock = clock
        self._later = later
        self._said: dict[str, RouterView] | None = None
        self._said_at = float("-inf")

    async def acknowledge(self) -> None:
        """The loop's body."""
        if not (self._haproxy.adopted and not self._haproxy.doubt and self._wanted.complete):
            return
        found = views(
            self._wanted.planned(),
            self._wanted.retirements(),
            self._suspicions.found,
            self._haproxy.actual,
            self._drains.in_flight(),
        )
        if found == self._said:
            return
        wait = self._said_at + COUNTS_EVERY - self._clock()
        if self._said is not None and wait > 0 and same_but_counts(found, self._said):
            self._later(wait)
            return
        self._said, self._said_at = found, self._clock()
        word = Router(node=self._node, instances=found, applied=now())
        await self._session.publish(self._key, word.encode())
