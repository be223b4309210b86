"""What the tests of drains have in common: an app's numbered lines, a logger of memory and store, receivers."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from pathlib import Path

import aiohttp
from prometheus_client import CollectorRegistry

from libs.daemon import Daemon
from libs.keyspace import Keyspace, Sealed
from libs.keyspace.records import Drain, DrainState
from libs.loglines import Frame, Header, Kind, encode, pack
from libs.loglines.frame import BOOT_HEADER
from libs.loglines.token import header, internal_token
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from services.logger.archive import Archive, Bounds
from services.logger.drains.course import Bounds as DrainBounds
from services.logger.drains.course import Course
from services.logger.drains.kind import Target, Terms
from services.logger.drains.resuming import start_of
from services.logger.drains.way import Way
from services.logger.serve import keep_lines
from services.logger.settings import LoggerSettings
from tests.support.ports import free_port
from tests.support.waiting import eventually

KEYS = Keyspace()
INWARD = Terms(Way(inward=True), connect_seconds=2.0, stall_seconds=2.0, settle_seconds=0.2)


def a_drain(url: str, *, id_: str = "one", app: str = "shop", **more: object) -> Drain:
    created = datetime(2020, 1, 1, tzinfo=UTC)
    fields = {"select": {}, "secret": Sealed(""), "ca": "", "client_certificate": "", **more}
    return Drain(id=id_, app=app, owner="ann", url=url, token=f"d.{id_}", created=created, **fields)


class Said:
    """An app that says numbered lines into an archive."""

    def __init__(self, archive: Archive | None = None, app: str = "shop") -> None:
        self.archive = archive or Archive(Bounds())
        self.app = app
        self.next = 0

    def say(self, count: int, *, size: int = 0) -> None:
        texts = [f"line {n}".ljust(size, ".").encode() for n in range(self.next, self.next + count)]
        self.next += count
        self.put(texts, self.next - count)

    def put(self, texts: list[bytes], first: int, *, kind: Kind = Kind.OUT) -> None:
        at = time.time_ns()
        self.put_block(b"".join(encode(at + n, kind, text) for n, text in enumerate(texts)), first)

    def put_block(self, block: bytes, first: int) -> None:
        header = Header(
            app=self.app,
            app_uuid=f"uuid-{self.app}",
            process="web.1",
            instance="x7k2",
            release=4,
            reading="r",
            first=first,
            lines=block.count(b"\n"),
            bytes=len(block),
            position="",
        )
        self.archive.take(Frame(header, block))


@asynccontextmanager
async def draining(
    drain: Drain,
    said: Said,
    *,
    bounds: DrainBounds | None = None,
    terms: Terms = INWARD,
    target: Target | None = None,
    states: tuple[DrainState, ...] = (),
) -> AsyncIterator[Course]:
    """A drain's course over an app's lines, while the body runs."""
    to = target or Target(drain.url, drain.token, ca=drain.ca, client_certificate=drain.client_certificate)
    course = Course(
        drain,
        said.archive,
        target=lambda _: to,
        terms=terms,
        bounds=bounds or DrainBounds(),
        start=start_of(drain, None, states),
    )
    course.follow({f"uuid-{said.app}": said.app})
    async with asyncio.TaskGroup() as group:
        task = group.create_task(course.run())
        try:
            await eventually(lambda: (ring := said.archive.ring(said.app)) is not None and ring.listeners)
            yield course
        finally:
            task.cancel()


_LENGTH = re.compile(rb"([1-9][0-9]*) ")


class Receiver:
    """A TCP receiver that reads octet-counted frames, and can be told to hang, to close and to reset."""

    def __init__(self, port: int = 0) -> None:
        self.port = port or free_port()
        self.messages: list[bytes] = []
        self.reading = asyncio.Event()
        self.reading.set()
        self.writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        try:
            yield
        finally:
            server.close()
            self.cut()

    def cut(self) -> None:
        """End all connections as they are."""
        for writer in self.writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    await self.reading.wait()
                    length = await reader.readuntil(b" ")
                    assert _LENGTH.fullmatch(length)
                    self.messages.append(await reader.readexactly(int(length)))
        finally:
            self.writers.discard(writer)
            writer.close()


def number_of(message: bytes) -> int | None:
    """Which numbered line a message is; None for what the platform says."""
    found = re.search(rb"line ([0-9]+)\.*$", message)
    return int(found[1]) if found else None


def numbers_of(messages: list[bytes]) -> list[int]:
    return [number for message in messages if (number := number_of(message)) is not None]


class Logger:
    """A whole logger over a store in memory."""

    def __init__(self, home: Path) -> None:
        self.store = MemoryStore()
        self.home = home
        self.port = free_port()
        self.drains = Shelf(self.store, KEYS.drains)
        self.states = Shelf(self.store, KEYS.drain_states)

    @asynccontextmanager
    async def running(self, node: str = "n1", **changed: object) -> AsyncIterator[Daemon]:
        daemon = Daemon("logger", CollectorRegistry())
        given = {"logger_sockets_port": 0, "logger_drain_inward": True, "logger_port": self.port, **changed}
        settings = LoggerSettings(home=self.home, node=node, **given)  # type: ignore[arg-type]
        async with asyncio.TaskGroup() as group:
            group.create_task(keep_lines(daemon, settings, self.store.fork()))
            try:
                yield daemon
            finally:
                daemon.stopping.set()

    async def state(self, id_: str, holds: Callable[[DrainState], bool]) -> DrainState:
        """The sum of a drain's states of loggers, once it holds."""

        async def found() -> DrainState | None:
            stored = await self.states.list(id_)
            return next((one.document for one in stored if holds(one.document)), None)

        return await eventually(found, what="the drain's state")


async def say(logger: Logger, first: int, count: int, *, app: str = "shop", port: int = 0, most: int = 10_000) -> None:
    """What an agent does: one batch, in frames of so many lines."""
    frames = [_frame(at, min(most, first + count - at), app) for at in range(first, first + count, most)]
    url, shown = f"http://127.0.0.1:{port or logger.port}/_", header(internal_token("", logger.home))
    async with aiohttp.ClientSession(headers=shown) as session:
        await eventually(partial(_is_there, session, url))
        async with session.get(f"{url}/boot") as answer:
            boot = (await answer.json())["boot"]
        async with session.post(f"{url}/lines", data=BytesIO(pack(frames)), headers={BOOT_HEADER: boot}) as answer:
            assert answer.status == 200


def _frame(first: int, count: int, app: str) -> Frame:
    texts = [b"line %d%b" % (n, b"." * 100) for n in range(first, first + count)]
    block = b"".join(encode(1_900_000_000_000_000_000 + n, Kind.OUT, text) for n, text in enumerate(texts, first))
    header = Header(
        app=app,
        app_uuid=f"uuid-{app}",
        process="web.1",
        instance=f"{app}-1",
        release=4,
        reading="r",
        first=first,
        lines=count,
        bytes=len(block),
        position="",
    )
    return Frame(header, block)


async def _is_there(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/boot") as answer:
            return answer.status == 200
    except aiohttp.ClientConnectionError:
        return False
