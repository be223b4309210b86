"""One node with its publisher and its health checker, on a real etcd and a real Docker Engine."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from libs.daemon import Daemon, supervise
from libs.engine.drivers.docker import DockerEngine, DockerSettings, open_driver
from libs.engine.engine import Identity, InstanceSpec
from libs.keyspace import Keyspace
from libs.keyspace.records import Check, Checks, HttpAction, Instance, Service
from libs.store.mirror import Mirror
from libs.store.opening import open_store
from services.health_checker.probe import open_probes
from services.health_checker.serve import check
from services.health_checker.settings import HealthCheckerSettings
from services.publisher.serve import publish
from services.publisher.settings import PublisherSettings
from tests.support.dockerd import Dockerd, free_subnet
from tests.support.etcd import EtcdServer
from tests.support.waiting import eventually

CHECKS = Checks(readiness=Check(http=HttpAction(path="/index.html"), period_seconds=1))


@dataclass
class Node:
    """A node with its engine, as a deployer and a router see it."""

    daemon: Dockerd
    engine: DockerEngine
    environment: dict[str, str]
    instances: Mirror[Instance]
    services: Mirror[Service]
    image: str

    async def start(self, id_: str, *, command: tuple[str, ...] | None = None) -> str:
        identity = Identity(id=id_, app="shop", app_uuid="u", type="web", number=1, release=2)
        spec = InstanceSpec(identity, self.image, command=command, port=5000, checks=CHECKS.model_dump_json())
        await self.engine.start(spec)
        return identity.name

    def service(self, id_: str) -> Service | None:
        return self.services.get("shop", id_)

    def instance(self, id_: str) -> Instance | None:
        return self.instances.get(self.environment["DEIS_NODE"], "shop", id_)

    def pid(self, id_: str) -> int:
        """The first process of an instance, as the host has it."""
        return int(self.daemon.inspect(f"shop_v2.web.1-{id_}")["State"]["Pid"])

    async def routed(self, id_: str) -> Service:
        await self.start(id_)
        return await eventually(lambda: self.service(id_), what=f"{id_} is published")

    @asynccontextmanager
    async def agents(self, *, checker: bool = True) -> AsyncIterator[None]:
        """One life of the node's agents."""
        common = {name.removeprefix("DEIS_").lower(): value for name, value in self.environment.items()}
        async with AsyncExitStack() as stack:
            publishing = PublisherSettings.model_validate({**common, "publisher_look_seconds": 3600})
            store = await stack.enter_async_context(open_store(publishing, name="publisher"))
            engine = await stack.enter_async_context(open_driver(publishing))
            work = publish(Daemon("publisher", CollectorRegistry()), publishing, store, engine)
            await stack.enter_async_context(supervise(publisher=work))
            if checker:
                checking = HealthCheckerSettings.model_validate(common)
                store = await stack.enter_async_context(open_store(checking, name="health_checker"))
                work = check(Daemon("health_checker", CollectorRegistry()), checking, store, open_probes)
                await stack.enter_async_context(supervise(checker=work))
            yield

    @asynccontextmanager
    async def process(self, name: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """A daemon as an operator runs it."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "libs.daemon", name, env={**os.environ, **self.environment}
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


@asynccontextmanager
async def a_node(etcd: EtcdServer, daemon: Dockerd, home: Path) -> AsyncIterator[Node]:
    """A node of a platform of its own; its instances are removed behind the body."""
    unique = uuid.uuid4().hex[:8]
    environment = {
        "DEIS_HOME": str(home),
        "DEIS_NODE": "n1",
        "DEIS_PLATFORM": f"t{unique}",
        "DEIS_STORE": "etcd3",
        "DEIS_STORE_ENDPOINTS": etcd.endpoint,
        "DEIS_STORE_PREFIX": f"/test-{unique}",
        "DEIS_ENGINE": "docker",
        "DEIS_DOCKER_HOST": daemon.host,
        "DEIS_SUBNET": free_subnet(),
        "DEIS_PRESENCE_SECONDS": "2",
    }
    settings = DockerSettings.model_validate(
        {name.removeprefix("DEIS_").lower(): value for name, value in environment.items()}
    )
    image = daemon.import_image(
        f"web-{unique}", expose=[5000], cmd=["httpd", "-f", "-p", "5000", "-h", "/"], **{"index.html": "hello"}
    )
    keys = Keyspace(settings.store_prefix)
    async with open_store(settings, name="test") as store, open_driver(settings) as engine:
        instances, services = Mirror(store, keys.instances), Mirror(store, keys.services)
        async with supervise(instances=instances.run(), services=services.run()):
            await eventually(lambda: instances.current and services.current)
            yield Node(daemon, engine, environment, instances, services, image)
        for instance in (await engine.instances()).instances:
            await engine.stop(instance.name, grace=0)
            await engine.remove(instance.name)
