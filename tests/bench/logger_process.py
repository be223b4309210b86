"""The logger that is measured: the daemon as an operator runs it, on the last core, over a real etcd; and its load.

The load comes as agents send it, over raw connections with blocks that were made before, so that the sender is not the
bottleneck. The figures of one core count what the logger used of it: others on the machine make the wall clock's worse.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

import aiohttp
import psutil

from deploy.local.settings import MEMORY
from libs.daemon import Settings
from libs.keyspace import Keyspace
from libs.keyspace.records import App, Ticket, User
from libs.loglines import Kind, encode
from libs.loglines.frame import BOOT_HEADER
from libs.loglines.tail import PROTOCOL, TICKET
from libs.store.opening import open_store
from libs.store.shelf import Shelf
from libs.store.store import Store
from tests.support.etcd import EtcdServer
from tests.support.ports import free_port
from tests.support.waiting import eventually

TOKEN = "internal"
NODE = "bench"
TEXT = b"x" * 160
KEYS = Keyspace()


@dataclass(frozen=True)
class Shape:
    """What agents send: lines in a frame, frames in a batch, and how many batches are under way at once."""

    lines: int
    frames: int
    batches: int


# As agents were seen to send 5,000 lines a second of each of 5 apps: they wait 10 ms for more lines (`LINGER`).
PACED = Shape(lines=60, frames=5, batches=10)
# As an agent sends that has fallen behind: full lanes of 64 KiB in batches of 1 MiB, four at a time (`WINDOW`).
FULL = Shape(lines=368, frames=16, batches=4)


class LoggerProcess:
    """The process and the ways to it."""

    def __init__(self, process: psutil.Process, store: Store, ports: tuple[int, int, int]) -> None:
        self.process, self.store = process, store
        self.port, self.sockets_port, self.admin_port = ports
        self.boot = ""
        self.next: dict[str, int] = {}  # the number of each app's next line

    @property
    def used(self) -> float:
        """Seconds of its core so far."""
        return float(sum(self.process.cpu_times()[:2]))

    @property
    def resident(self) -> float:
        """MB."""
        return float(self.process.memory_info().rss) / 1_000_000

    async def figure(self, name: str) -> float:
        """One of its figures on `/metrics`, with its labels as they stand there; 0 where it has none."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.admin_port}/metrics") as answer,
        ):
            lines = (await answer.text()).splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} ")), 0.0)

    async def ticket(self, app: str) -> tuple[str, list[str]]:
        """The URL of an app's tail and the protocols to ask for."""
        text = secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        ticket = Ticket(kind="logs", app=app, app_uuid=f"uuid-{app}", username="root", admin=True, created=now)
        shelf = Shelf(self.store, KEYS.tickets)
        key = hashlib.sha256(text.encode()).hexdigest()
        await shelf.create(ticket, key, lease=await self.store.lease(30))
        return f"ws://127.0.0.1:{self.sockets_port}/logs/{NODE}/tail", [PROTOCOL, TICKET + text]

    def sent(self, apps: list[str]) -> int:
        """Lines that were sent of these apps so far."""
        return sum(self.next.get(app, 0) for app in apps)

    async def send(self, apps: list[str], lines: int, shape: Shape = FULL) -> None:
        """At least so many lines of 160 bytes from these apps in turn, over several connections."""
        line = encode(time.time_ns(), Kind.OUT, TEXT)  # a drain takes nothing that is older than it
        count = shape.lines
        block, left = line * count, lines

        def batch(turn: Iterator[str]) -> bytes:
            parts = []
            for _ in range(shape.frames):
                app = next(turn)
                first = self.next.get(app, 0)
                self.next[app] = first + count
                header = {"app": app, "app_uuid": f"uuid-{app}", "process": "web.1", "instance": f"i-{app}"}
                header |= {"release": 1, "reading": "r", "first": first, "lines": count, "bytes": len(block)}  # type: ignore[dict-item]
                parts += [json.dumps(header | {"position": "p"}).encode(), b"\n", block]
            return b"".join(parts)

        async def agent(own: int) -> None:
            nonlocal left
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
            mine = apps[own :: shape.batches]
            turn = cycle(mine)
            while left > 0 and mine:
                body = batch(turn)
                left -= shape.frames * count
                writer.write(self._head(len(body)))
                writer.write(body)
                await writer.drain()
                head = await reader.readuntil(b"\r\n\r\n")
                assert b" 200 " in head[:16], head
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                answer = json.loads(await reader.readexactly(length))
                assert not answer["refused"], answer
            writer.close()

        async with asyncio.TaskGroup() as group:
            for own in range(shape.batches):
                group.create_task(agent(own))

    def _head(self, length: int) -> bytes:
        return (
            f"POST /_/lines HTTP/1.1\r\nHost: l\r\nAuthorization: Bearer {TOKEN}\r\n{BOOT_HEADER}: {self.boot}\r\n"
            f"Content-Length: {length}\r\n\r\n"
        ).encode()


async def write_records(store: Store, apps: list[str]) -> None:
    """A superuser who reads, and the apps."""
    now = datetime.now(UTC)
    await Shelf(store, KEYS.users).create(
        User(username="root", password="!", date_joined=now, is_superuser=True), "root"
    )
    shelf = Shelf(store, KEYS.apps)
    for app in apps:
        await shelf.create(App(id=app, uuid=f"uuid-{app}", owner="root", created=now, updated=now), app)


@asynccontextmanager
async def a_logger(directory: Path, apps: list[str], extra: Mapping[str, str]) -> AsyncIterator[LoggerProcess]:
    """A logger of its own process, on the last core, that knows these apps."""
    etcd = EtcdServer(directory / "etcd")
    etcd.start()
    try:
        async with open_store(Settings(store_endpoints=etcd.endpoint, home=directory), name="bench") as store:
            await write_records(store, apps)
            ports = free_port(), free_port(), free_port()
            environment = {
                "DEIS_HOME": str(directory),
                "DEIS_NODE": NODE,
                "DEIS_STORE_ENDPOINTS": etcd.endpoint,
                "DEIS_LOGGER_PORT": str(ports[0]),
                "DEIS_LOGGER_SOCKETS_PORT": str(ports[1]),
                "DEIS_ADMIN_PORT": str(ports[2]),
                "DEIS_INTERNAL_TOKEN": TOKEN,
                "DEIS_LOG_LEVEL": "warning",
                **MEMORY,
                **extra,
            }
            program = (sys.executable, "-c", "from libs.deis_daemon import main; main()", "logger")
            child = await asyncio.create_subprocess_exec(*program, env={**os.environ, **environment})
            try:
                process = psutil.Process(child.pid)
                process.cpu_affinity((psutil.Process().cpu_affinity() or [0])[-1:])
                logger = LoggerProcess(process, store, ports)
                await _until_it_answers(logger, apps)
                yield logger
            finally:
                child.terminate()
                await child.wait()
    finally:
        etcd.stop()


async def _until_it_answers(logger: LoggerProcess, apps: list[str]) -> None:
    mesh = Shelf(logger.store, KEYS.mesh)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session:

        async def boot() -> str | None:
            try:
                async with session.get(f"http://127.0.0.1:{logger.port}/_/boot") as answer:
                    return str((await answer.json())["boot"])
            except aiohttp.ClientError:
                return None

        logger.boot = await eventually(boot, within=60, what="the logger answers")

        async def ready() -> bool:
            stored = await mesh.get("logger", NODE)
            return stored is not None

        await eventually(ready, within=60, what=f"the logger knows {len(apps)} apps")
