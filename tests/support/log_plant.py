"""Agent and logger as processes of their own, over a real etcd and a real Docker Engine; what the logger then has."""

from __future__ import annotations

import hashlib
import os
import secrets
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from deploy.local.settings import MEMORY
from libs.engine import Identity, InstanceSpec
from libs.engine.drivers.docker import DockerEngine, DockerSettings, open_driver
from libs.keyspace import Keyspace
from libs.keyspace.records import App, Instance, Ticket, User
from libs.loglines.tail import PROTOCOL, TICKET
from libs.store import Store
from libs.store.opening import open_driver as open_store
from libs.store.shelf import Shelf
from tests.support.daemon_process import DaemonProcess
from tests.support.dockerd import Dockerd, free_subnet
from tests.support.etcd import EtcdServer
from tests.support.ports import free_port
from tests.support.waiting import eventually

NODE = "n1"
TOKEN = "internal"


class LogPlant:
    """The node `n1` with its agent, and the one logger. `home` holds what both wrote."""

    def __init__(
        self, home: Path, engine: DockerEngine, store: Store, environment: Mapping[str, str], keys: Keyspace
    ) -> None:
        self.home = home
        self.engine = engine
        self.port, self.sockets_port = free_port(), free_port()
        self._store = store
        self._keys = keys
        self._admin = {"log_agent": free_port(), "logger": free_port()}
        shared = dict(environment) | {
            "DEIS_LOGGER_PORT": str(self.port),
            "DEIS_LOGGER_SOCKETS_PORT": str(self.sockets_port),
        }
        self.agent, self.logger = (
            DaemonProcess(name, shared | {"DEIS_ADMIN_PORT": str(port)}, home / f"{name}.log")
            for name, port in self._admin.items()
        )

    async def run(self, app: str, command: Sequence[str], *, image: str = "busybox", once: bool = False) -> str:
        """An instance of an app, with its records as the controller and the node's publisher write them; its name."""
        now = datetime.now(UTC)
        await Shelf(self._store, self._keys.apps).put(
            App(id=app, uuid=f"uuid-{app}", owner="root", created=now, updated=now), app
        )
        identity = Identity(id=f"i{app}", app=app, app_uuid=f"uuid-{app}", type="web", number=1, release=1)
        found = await self.engine.resolve(image)
        await self.engine.start(InstanceSpec(identity, found.digest, command=tuple(command), once=once))
        await self.publish(identity.name)
        return identity.name

    async def publish(self, name: str) -> None:
        """Write an instance's record as the engine has it."""
        seen = next(one for one in (await self.engine.instances()).instances if one.name == name)
        identity = seen.identity
        record = Instance(
            id=identity.id,
            name=name,
            node=NODE,
            app=identity.app,
            app_uuid=identity.app_uuid,
            type=identity.type,
            number=identity.number,
            release=identity.release,
            state=seen.state,
            started=seen.started,
            finished=seen.finished,
        )
        await Shelf(self._store, self._keys.instances).put(record, NODE, identity.app, identity.id)

    async def read_to_its_end(self, app: str) -> bool:
        """Whether the agent told so of the app's instance, as it was published last."""
        return await Shelf(self._store, self._keys.log_ends).get(NODE, app, f"i{app}") is not None

    async def lines(self, app: str, count: int = 10_000_000) -> list[str]:
        """An app's last lines in the logger, without what stands before their text; none while nobody answers."""
        return [line.partition(": ")[2] for line in await self.shown(app, count)]

    async def shown(self, app: str, count: int = 10_000_000) -> list[str]:
        """The same lines as users see them."""
        url = f"http://127.0.0.1:{self.port}/{app}"
        try:
            async with aiohttp.ClientSession() as session, session.get(url, params={"log_lines": count}) as answer:
                body = await answer.read()
        except aiohttp.ClientConnectionError:
            return []
        return [line.decode() for line in body.split(b"\n")[:-1]]

    async def ended(self, app: str, word: str = "done", *, within: float = 120) -> list[str]:
        """All lines of an app, once the last one is `word`."""

        async def said() -> bool:
            return await self.lines(app, 1) == [word]

        await eventually(said, within=within, what=f"the last line of {app}")
        return await self.lines(app)

    async def figure(self, daemon: str, name: str) -> float:
        """A daemon's figure, with its labels as they stand on `/metrics`; 0 where it has none or does not answer."""
        url = f"http://127.0.0.1:{self._admin[daemon]}/metrics"
        try:
            async with aiohttp.ClientSession() as session, session.get(url) as answer:
                lines = (await answer.text()).splitlines()
        except aiohttp.ClientConnectionError:
            return 0.0
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} ")), 0.0)

    async def ticket(self, app: str) -> tuple[str, list[str]]:
        """The URL of an app's tail, and the protocols to ask for."""
        text, now = secrets.token_urlsafe(32), datetime.now(UTC)
        ticket = Ticket(kind="logs", app=app, app_uuid=f"uuid-{app}", username="root", admin=True, created=now)
        key = hashlib.sha256(text.encode()).hexdigest()
        await Shelf(self._store, self._keys.tickets).create(ticket, key, lease=await self._store.lease(30))
        return f"ws://127.0.0.1:{self.sockets_port}/logs/{NODE}/tail", [PROTOCOL, TICKET + text]

    async def write_reader(self) -> None:
        """The superuser who reads tails."""
        user = User(username="root", password="!", date_joined=datetime.now(UTC), is_superuser=True)
        await Shelf(self._store, self._keys.users).put(user, "root")


def peak(pid: int) -> int:
    """The most memory that a process ever had resident, bytes."""
    return _kilobytes(pid, "VmHWM")


def resident(pid: int) -> int:
    """What it has resident now, bytes."""
    return _kilobytes(pid, "VmRSS")


def _kilobytes(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024


def cpu_seconds(pid: int) -> float:
    """What a process used of all cores so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def a_log_plant(home: Path, dockerd: Dockerd, etcd: EtcdServer, **changed: str) -> AsyncIterator[LogPlant]:
    """One that runs; its containers are gone behind the body. `changed` are settings of agent and logger."""
    platform = f"t{uuid.uuid4().hex[:8]}"
    settings = DockerSettings(
        home=home,
        docker_host=dockerd.host,
        platform=platform,
        subnet=free_subnet(),
        store_endpoints=etcd.endpoint,
        store_prefix=f"/{platform}",
    )
    environment = {
        "PATH": os.environ["PATH"],
        "DEIS_HOME": str(home),
        "DEIS_NODE": NODE,
        "DEIS_STORE_ENDPOINTS": etcd.endpoint,
        "DEIS_STORE_PREFIX": settings.store_prefix,
        "DEIS_DOCKER_HOST": dockerd.host,
        "DEIS_PLATFORM": platform,
        "DEIS_INTERNAL_TOKEN": TOKEN,
        **MEMORY,
        **{f"DEIS_{name.upper()}": value for name, value in changed.items()},
    }
    store = open_store(settings)
    try:
        async with open_driver(settings) as engine:
            plant = LogPlant(home, engine, store, environment, Keyspace(settings.store_prefix))
            plant.logger.start()
            plant.agent.start()
            try:
                yield plant
            finally:
                plant.agent.kill9()
                plant.logger.kill9()
                for instance in (await engine.instances()).instances:
                    await engine.stop(instance.name, grace=0)
                    await engine.remove(instance.name)
    finally:
        await store.close()
