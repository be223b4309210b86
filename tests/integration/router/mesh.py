"""A router over a real HAProxy and a store in memory, with the records that other writers would write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry

from libs.daemon import Daemon, supervise
from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import (
    App,
    Domain,
    MeshMember,
    Planned,
    Retiring,
    Rollout,
    Router,
    RouterView,
    Service,
)
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from services.router import answers
from services.router.actual import Server
from services.router.serve import route
from services.router.settings import RouterSettings
from tests.integration.router.backends import Backend
from tests.integration.router.clients import Answer, fetch
from tests.support.haproxy import HAProxyServer
from tests.support.waiting import eventually


@dataclass
class Mesh:
    """What a test says to the router, and what it sees of it."""

    haproxy: HAProxyServer
    settings: RouterSettings
    writers: MemoryStore = field(default_factory=MemoryStore)

    def __post_init__(self) -> None:
        self.keys = Keyspace(self.settings.store_prefix)
        self.store = self.writers.fork()  # the router's line, that a test may cut
        self.registry = CollectorRegistry()

    @asynccontextmanager
    async def running(self, settings: RouterSettings | None = None) -> AsyncIterator[Daemon]:
        """The router daemon while the body runs; leaving ends it as a kill would, without a farewell to HAProxy."""
        self.registry = CollectorRegistry()
        daemon = Daemon("router", self.registry)
        async with supervise(router=route(daemon, settings or self.settings, self.store)):
            yield daemon

    async def ready(self, daemon: Daemon) -> None:
        await eventually(lambda: daemon.ready and all(holds() for holds in daemon.ready.values()), what="readiness")

    async def app(self, name: str, *, web: int = 1, state: str = "live", timeout: int | None = None) -> None:
        record = App.model_validate(
            {
                "id": name,
                "uuid": f"uuid-{name}",
                "owner": "ann",
                "formation": {"web": web},
                "state": state,
                "settings": {"response_timeout_seconds": timeout},
                "created": now(),
                "updated": now(),
            }
        )
        await Shelf(self.writers, self.keys.apps).put(record, name)

    async def forget_app(self, name: str) -> None:
        await Shelf(self.writers, self.keys.apps).delete(name)

    async def domain(self, fqdn: str, app: str) -> None:
        record = Domain(app=app, domain=fqdn, owner="ann", created=now())
        await Shelf(self.writers, self.keys.domains).put(record, fqdn)

    async def publish(
        self,
        app: str,
        instance: str,
        backend: Backend,
        *,
        ready: bool = True,
        confirmed: datetime | None = None,
        run: datetime | None = None,
    ) -> None:
        record = Service(
            app=app,
            instance=instance,
            node="node-1",
            type="web",
            number=1,
            release=2,
            address=backend.address,
            port=backend.port,
            ready=ready,
            published=now(),
            confirmed=confirmed,
            run=run,
        )
        await Shelf(self.writers, self.keys.services).put(record, app, instance)

    async def withdraw(self, app: str, instance: str) -> None:
        await Shelf(self.writers, self.keys.services).delete(app, instance)

    async def retire(
        self, app: str, instance: str, *, seconds: float = 60, websocket_seconds: float | None = None
    ) -> None:
        """As the deployer asks, and as the publisher then does."""
        record = Retiring(
            reason="a test",
            since=now(),
            deadline=now() + timedelta(seconds=seconds),
            websocket_deadline=None if websocket_seconds is None else now() + timedelta(seconds=websocket_seconds),
        )
        await Shelf(self.writers, self.keys.retiring).put(record, "node-1", app, instance)
        await self.withdraw(app, instance)

    async def retired(self, app: str, instance: str) -> None:
        await Shelf(self.writers, self.keys.retiring).delete("node-1", app, instance)

    async def roll(self, app: str, *instances: str, phase: str = "routing", replaces: str = "") -> None:
        """A rollout of these; `replaces`: the last of them is to take that one's place."""
        planned = [
            Planned(
                id=id_,
                name=f"{app}_v2.web.{number}-{id_}",
                type="web",
                number=number,
                planned=now(),
                replaces=replaces if id_ == instances[-1] else "",
            )
            for number, id_ in enumerate(instances, start=1)
        ]
        record = Rollout.model_validate(
            {
                "app": app,
                "app_uuid": f"uuid-{app}",
                "release": 2,
                "intent": 1,
                "epoch": 1,
                "phase": phase,
                "since": now(),
                "planned": planned,
            }
        )
        await Shelf(self.writers, self.keys.rollouts).put(record, f"uuid-{app}", 2)

    async def controller(self, id_: str, backend: Backend) -> None:
        record = MeshMember(
            service="controller", id=id_, node="node-1", url=f"http://127.0.0.1:{backend.port}", started=now()
        )
        await Shelf(self.writers, self.keys.mesh).put(record, "controller", id_)

    async def logger(self, id_: str, backend: Backend) -> None:
        """A logger whose WebSockets are there; nobody listens where it takes lines."""
        sockets_url = f"ws://127.0.0.1:{backend.port}"
        record = MeshMember(
            service="logger", id=id_, node=id_, url="http://127.0.0.1:9", sockets_url=sockets_url, started=now()
        )
        await Shelf(self.writers, self.keys.mesh).put(record, "logger", id_)

    async def forget_logger(self, id_: str) -> None:
        await Shelf(self.writers, self.keys.mesh).delete("logger", id_)

    async def word(self) -> Router | None:
        """What the router says in `routers/<id>`."""
        stored = await Shelf(self.writers, self.keys.routers).get("node-1")
        return stored.document if stored else None

    async def view(self, instance: str) -> RouterView | None:
        word = await self.word()
        return word.instances.get(instance) if word else None

    async def says(self, instance: str, state: str, within: float = 30.0) -> RouterView:
        """Wait until the router says this of the instance."""

        async def said() -> RouterView | None:
            view = await self.view(instance)
            return view if view is not None and view.state == state else None

        return await eventually(said, within=within, what=f"{instance} {state}")

    async def counts(self, instance: str, in_flight: int, websockets: int = 0) -> None:
        """Wait until the router says that it drains the instance, with so many in flight, WebSockets among them."""

        async def counted() -> bool:
            return await self.view(instance) == RouterView(state="draining", in_flight=in_flight, websockets=websockets)

        await eventually(counted, what=f"{instance} draining with {in_flight} in flight")

    async def get(self, host: str, path: str = "/", method: str = "GET", **headers: str) -> Answer:
        return await fetch(self.settings.router_http_port, host, path, method, **headers)

    async def answers(self, host: str, body: str) -> None:
        """Wait until a host is answered by this instance."""

        async def answered() -> bool:
            answer = await self.get(host)
            return (answer.status, answer.body) == (200, body)

        await eventually(answered, what=f"{host} answered by {body}")

    async def status(self, host: str, status: int) -> None:
        """Wait until a host answers with this status."""

        async def answered() -> bool:
            return (await self.get(host)).status == status

        await eventually(answered, what=f"{host} answers {status}")

    def in_haproxy(self, instance: str) -> Server:
        """A server as HAProxy has it; one that it does not have is nowhere and gets nothing."""
        found = answers.servers(self.haproxy.ask("show servers state"))
        return next((those[instance] for those in found.values() if instance in those), Server("", 0, "maint"))

    def servers(self) -> set[str]:
        """The names of the servers that HAProxy has."""
        lines = self.haproxy.ask("show servers state").splitlines()[2:]
        return {line.split()[3] for line in lines if line}

    def metric(self, name: str, **labels: str) -> float:
        value = self.registry.get_sample_value(name, labels)
        assert value is not None, f"no metric {name}"
        return value
