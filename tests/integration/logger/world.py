"""A world for the logger and its agents: a store in memory, an engine, and the two as they are deployed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import aiohttp
from prometheus_client import CollectorRegistry

from libs.daemon import Daemon
from libs.engine import Engine, Identity, Images, InstanceSpec, Logs
from libs.engine.drivers.memory import MemoryEngine
from libs.keyspace import Keyspace
from libs.keyspace.records import Instance, LogEnd, MeshMember
from libs.loglines.sharing import logger_of
from libs.store import Store
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from services.log_agent.serve import ship_lines
from services.log_agent.settings import LogAgentSettings
from services.logger.serve import keep_lines
from services.logger.settings import LoggerSettings
from tests.support.ports import free_port
from tests.support.waiting import eventually


class SpeakingEngine(Engine, Images, Logs, Protocol):
    """An engine with all that is needed here."""


E = TypeVar("E", bound=SpeakingEngine)
KEYS = Keyspace()
NODE = "n1"


class World(Generic[E]):
    """A store in memory, an engine, and what runs beside them; the publisher's part is played by `publish`."""

    def __init__(self, home: Path, engine: E) -> None:
        self.home = home
        self.store = MemoryStore()
        self.connect: Callable[[], Store] = self.store.fork  # a daemon's own client
        self.engine = engine
        self.ports = {NODE: free_port()}  # of the loggers, by id
        self.instances = Shelf(self.store, KEYS.instances)
        self.ends = Shelf(self.store, KEYS.log_ends)

    @property
    def port(self) -> int:
        """The first logger's."""
        return self.ports[NODE]

    @asynccontextmanager
    async def logger(self, id_: str = NODE, **changed: object) -> AsyncIterator[Daemon]:
        """A logger that is found in the mesh; after a restart under the same id at the same port."""
        daemon = Daemon("logger", CollectorRegistry())
        changed.setdefault("logger_sockets_port", 0)
        port = self.ports.setdefault(id_, free_port())
        settings = LoggerSettings(home=self.home, node=id_, logger_port=port, **changed)  # type: ignore[arg-type]
        async with asyncio.TaskGroup() as group:
            group.create_task(keep_lines(daemon, settings, self.connect()))
            try:
                yield daemon
            finally:
                daemon.stopping.set()

    @asynccontextmanager
    async def agent(self, *, kill: bool = False, **changed: object) -> AsyncIterator[Daemon]:
        """`kill` ends it without the word that would let it put its things in order. No canary, unless asked for."""
        daemon = Daemon("log_agent", CollectorRegistry())
        changed.setdefault("log_agent_canary_seconds", 0)
        settings = LogAgentSettings(home=self.home, node=NODE, **changed)  # type: ignore[arg-type]
        async with asyncio.TaskGroup() as group:
            task = group.create_task(ship_lines(daemon, settings, self.connect(), self.engine))
            try:
                yield daemon
            finally:
                if kill:
                    task.cancel()
                else:
                    daemon.stopping.set()

    async def start(
        self, id_: str, *, app: str = "shop", number: int = 1, image: str = "app", command: tuple[str, ...] = ()
    ) -> str:
        """Run an instance and publish it; its container's name."""
        identity = Identity(id=id_, app=app, app_uuid=f"uuid-{app}", type="web", number=number, release=3)
        found = await self.engine.resolve(image)
        await self.engine.start(InstanceSpec(identity, found.digest, command=command or None))
        await self.publish(identity.name)
        return identity.name

    async def publish(self, name: str) -> Instance | None:
        """Write the instance's record as the engine has it now; delete it when the engine has it no more."""
        found = [seen for seen in (await self.engine.instances()).instances if seen.name == name]
        app, id_ = name.partition("_v")[0], name.rpartition("-")[2]
        if not found:
            await self.instances.delete(NODE, app, id_)
            return None
        seen = found[0]
        record = Instance(
            id=id_,
            name=name,
            node=NODE,
            app=app,
            app_uuid=seen.identity.app_uuid,
            type=seen.identity.type,
            number=seen.identity.number,
            release=seen.identity.release,
            state=seen.state,
            started=seen.started,
            finished=seen.finished,
        )
        await self.instances.put(record, NODE, app, id_)
        return record

    async def ask(self, path: str, method: str = "GET", *, of: str = NODE, **query: str) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"http://127.0.0.1:{self.ports[of]}{path}", params=query) as answer,
        ):
            return answer.status, (await answer.read()).decode()

    async def lines(self, app: str = "shop", *, of: str = NODE, **query: str) -> list[str]:
        """The texts of an app's lines in a logger, without what stands before them; none while nobody answers."""
        try:
            _, text = await self.ask(f"/{app}", of=of, log_lines="100000", **query)
        except aiohttp.ClientConnectionError:
            return []
        return [line.partition(": ")[2] for line in text.splitlines()]

    async def has(self, expected: list[str], app: str = "shop", *, of: str = NODE, **query: str) -> None:
        async def arrived() -> bool:
            found = await self.lines(app, of=of, **query)
            assert found == expected
            return True

        await eventually(arrived, what="the lines")

    async def has_more_than(self, count: int) -> bool:
        return len(await self.lines()) > count

    async def end(self, name: str) -> LogEnd | None:
        stored = await self.ends.get(NODE, name.partition("_v")[0], name.rpartition("-")[2])
        return stored.document if stored else None


Spoken = World[MemoryEngine]


def say(world: Spoken, name: str, *texts: str) -> None:
    """An instance says these lines."""
    for text in texts:
        world.engine.say(name, text.encode() + b"\n")


def owner_beside(id_: str, app: str = "shop") -> str:
    """The id of a logger that has an app, and leaves it to the logger `id_` when it goes."""
    first = _member(id_)
    for n in range(1000):
        chosen = logger_of(f"uuid-{app}", [first, _member(f"{n}")])
        if chosen is not None and chosen.id != id_:
            return chosen.id
    raise AssertionError("no logger has the app")


def _member(id_: str) -> MeshMember:
    return MeshMember(service="logger", id=id_, node=id_, url="http://nowhere", started=datetime.now(UTC))


def numbers(first: int, last: int) -> list[str]:
    return [f"line {n}" for n in range(first, last)]
