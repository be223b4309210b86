"""The two loops of the publisher: what the engine has, and what the mesh may use."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from libs.engine.engine import Engine, EngineEvent
from libs.keyspace.document import now
from libs.keyspace.records import Health, Instance, Retiring, Service
from libs.store.mirror import Mirror
from libs.store.owned import Owned
from services.publisher.census import Census, Key
from services.publisher.claims import Seen, wanted_services

log = structlog.get_logger("publisher")


class Publication:
    """Keeps `instances/<node>/` equal to the engine, and this node's part of `services/` to what follows from it.

    Both loops share the last complete answer of the engine: an exit is withdrawn without waiting for its own record.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        *,
        node: str,
        engine: Engine,
        instances: Owned[Instance],
        services: Owned[Service],
        health: Mirror[Health],
        retiring: Mirror[Retiring],
        registry: CollectorRegistry,
    ) -> None:
        self.census = Census(node)
        self._node = node
        self._listeners: list[Callable[[], None]] = []
        self._engine = engine
        self._instances = instances
        self._services = services
        self._health = health
        self._retiring = retiring
        self._states = Gauge(
            "deis_publisher_instances", "Instances on this node by the engine's state.", ["state"], registry=registry
        )
        self._strangers = Gauge(
            "deis_publisher_strangers", "Containers with our label that are no instances.", registry=registry
        )
        self._claims = Gauge("deis_publisher_services", "Addresses published.", ["ready"], registry=registry)
        self._withdrawals = Counter("deis_publisher_withdrawals", "Addresses withdrawn.", registry=registry)

    def on_census(self, callback: Callable[[], None]) -> None:
        """Call when more is known of the engine's instances, before anything is written."""
        self._listeners.append(callback)

    def hear(self, event: EngineEvent) -> None:
        """An event of the engine; one that says that a run is over withdraws its address before the next look."""
        self.census.hear(event)
        if event.ended is not None:
            self._tell()

    async def publish_instances(self) -> None:
        """Look at the engine, and write the instances that differ. Raises `EngineUnavailable`: then nothing changes."""
        seen = await self.census.look(self._engine)
        self._tell()
        states = Tally(instance.state for instance in seen.values())
        self._states.clear()
        for state, count in states.items():
            self._states.labels(state).set(count)
        self._strangers.set(len(self.census.strangers))
        recorded = self._instances.all()
        await self._instances.apply(
            [((self._node, *key), instance) for key, instance in seen.items()],
            [parts for parts in recorded if parts[1:] not in seen],
        )

    async def publish_services(self) -> None:
        """Write the claims that differ. Before the engine's first answer the recorded instances are what is known."""
        published: dict[Key, Service] = {(app, id_): record for (app, id_), record in self._services.all().items()}
        claims = wanted_services(
            node=self._node,
            seen=self._seen(),
            verdicts={(app, id_): verdict for (_, app, id_), verdict in self._health.items()},
            retiring={(app, id_) for (_, app, id_), _ in self._retiring.items()},
            published=published,
            now=now(),
        )
        for ready in (True, False):
            self._claims.labels(str(ready).lower()).set(sum(one.ready is ready for one in claims.wanted.values()))
        await self._services.apply(claims.wanted.items(), claims.withdrawn)
        self._withdrawals.inc(len(claims.withdrawn))
        for (app, id_), reason in claims.withdrawn.items():
            log.info("withdrew an address", app=app, instance=id_, reason=reason)
        for (app, id_), claim in claims.wanted.items():
            old = published.get((app, id_))
            if old is None or old.ready is not claim.ready:
                log.info("published an address", app=app, instance=id_, address=claim.address, ready=claim.ready)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def _seen(self) -> Seen:
        if self.census.instances is not None:
            return Seen(self.census.instances, complete=True, ended=self.census.ended)
        recorded = self._instances.all().items()
        return Seen({(app, id_): instance for (_, app, id_), instance in recorded}, complete=False)
