"""Readers of log tails, and a world with a real etcd that gives them tickets."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from libs.daemon import Settings
from libs.engine.drivers.memory import MemoryEngine
from libs.keyspace.document import now
from libs.keyspace.records import App, Ticket, Token, User
from libs.loglines.tail import (
    PROTOCOL,
    TICKET,
    Cursor,
    End,
    Event,
    Live,
    Missed,
    Places,
    Ready,
    begin,
    event_of,
    merged,
    parts_of,
)
from libs.store.drivers.etcd3 import Etcd3Store
from libs.store.opening import open_driver
from libs.store.shelf import Shelf
from tests.integration.logger.world import KEYS, NODE, World
from tests.support.etcd import EtcdServer
from tests.support.waiting import eventually

E = TypeVar("E", bound=Event)
PATIENCE = 30.0  # seconds


class Reader:
    """One who follows a log; it reads only while it is asked for something."""

    def __init__(self, connection: ClientConnection, cursor: Cursor) -> None:
        self.connection = connection
        self.cursor = cursor
        self.events: list[Event] = []
        self.lines: list[str] = []
        self.processes: list[str] = []

    async def hear(self) -> None:
        """Take the next message."""
        message = await self.connection.recv()
        if isinstance(message, str):
            event = event_of(message)
            assert event is not None
            if isinstance(event, Ready):
                self.cursor = self.cursor.reading(event.boot)
            elif isinstance(event, Places):
                self.cursor = self.cursor.at(event)
            self.events.append(event)
            return
        parts = parts_of(message)
        for source, line in merged(parts):
            self.lines.append(line.text.decode())
            self.processes.append(source.process)
        self.cursor = self.cursor.after(parts)

    async def until(self, fact: Callable[[], bool], what: str) -> None:
        """Read until it is so."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not fact():
                    await self.hear()
        except TimeoutError:
            told = [*self.lines[:3], "…", *self.lines[-3:]]
            raise AssertionError(f"not {what}; it heard {self.events} and {len(self.lines)} lines: {told}") from None

    async def has(self, expected: list[str]) -> None:
        """Read until it has so many lines; they must be these."""
        await self.counts(len(expected))
        assert self.lines == expected

    async def counts(self, lines: int) -> None:
        """Read until it has so many lines."""
        await self.until(lambda: len(self.lines) >= lines, f"{lines} lines")

    async def stands(self) -> None:
        """Read until it knows where it stands."""
        await self.until(lambda: self.told(Places) is not None, "where it stands")

    async def live(self) -> None:
        """Read until what was is told."""
        await self.until(lambda: self.told(Live) is not None, "live")

    async def ends(self) -> tuple[str, int]:
        """Read to the end: its reason, and the code of the close."""
        await self.until(lambda: self.told(End) is not None, "an end")
        end = self.told(End)
        assert end is not None
        return end.reason, await self.closes()

    async def closes(self) -> int:
        """Read until the connection is closed: the code that the logger gave, 1006 for none."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    await self.hear()
        except ConnectionClosed as error:
            return error.rcvd.code if error.rcvd else 1006

    def told(self, kind: type[E]) -> E | None:
        """The first such event."""
        return next((event for event in self.events if isinstance(event, kind)), None)

    @property
    def missed(self) -> list[Missed]:
        """What it was told to have missed."""
        return [event for event in self.events if isinstance(event, Missed)]


def token_of(username: str) -> str:
    """The key of a user's token."""
    return hashlib.sha256(username.encode()).hexdigest()


class TailWorld(World[MemoryEngine]):
    """Its records are in a real etcd; ann owns the app `shop`, bob is its collaborator."""

    def __init__(self, home: Path, etcd: Etcd3Store) -> None:
        engine = MemoryEngine()
        engine.add_image("app")
        super().__init__(home, engine)
        self.connect = lambda: etcd
        self.etcd = etcd
        self.instances = Shelf(etcd, KEYS.instances)
        self.ends = Shelf(etcd, KEYS.log_ends)
        self.apps = Shelf(etcd, KEYS.apps)
        self.users = Shelf(etcd, KEYS.users)
        self.tokens = Shelf(etcd, KEYS.tokens)
        self.tickets = Shelf(etcd, KEYS.tickets)
        self.mesh = Shelf(etcd, KEYS.mesh)

    async def settle(self) -> None:
        """Make the people and their app."""
        for name in ("ann", "bob", "root"):
            user = User(username=name, password="!", date_joined=now(), is_superuser=name == "root")
            await self.users.create(user, name)
            await self.tokens.create(Token(username=name, created=now()), token_of(name))
        await self.make_app()

    async def make_app(self, name: str = "shop") -> None:
        app = App(id=name, uuid=f"uuid-{name}", owner="ann", collaborators=("bob",), created=now(), updated=now())
        await self.apps.create(app, name)

    def say(self, name: str, *texts: str) -> None:
        for text in texts:
            self.engine.say(name, text.encode() + b"\n")

    async def ticket(self, username: str = "ann", app: str = "shop") -> str:
        """As the controller issues one."""
        text = secrets.token_urlsafe(32)
        admin = username == "root"
        ticket = Ticket(
            kind="logs",
            app=app,
            app_uuid=f"uuid-{app}",
            username=username,
            admin=admin,
            token=token_of(username),
            created=now(),
        )
        lease = await self.etcd.lease(30)
        await self.tickets.create(ticket, hashlib.sha256(text.encode()).hexdigest(), lease=lease)
        return text

    async def url(self, id_: str = NODE) -> str:
        """Where a logger's tails are, once it is announced."""

        async def look() -> str | None:
            stored = await self.mesh.get("logger", id_)
            return f"{stored.document.sockets_url}/logs/{id_}/tail" if stored else None

        return await eventually(look, what=f"the logger {id_}")

    @asynccontextmanager
    async def opened(
        self, *, ticket: str | None = None, id_: str = NODE, url: str = "", room: int | None = None, **options: Any
    ) -> AsyncIterator[ClientConnection]:
        """A connection that was let in. `room`: bytes that the kernel takes for the reader, and next to none beside."""
        text = await self.ticket() if ticket is None else ticket
        if room is not None:
            options |= {"max_queue": 1, "sock": await _narrow(await self.url(id_), room)}
        protocols = [Subprotocol(PROTOCOL), Subprotocol(TICKET + text)]
        async with connect(
            url or await self.url(id_), subprotocols=protocols, compression=None, proxy=None, max_size=2**25, **options
        ) as connection:
            assert connection.subprotocol == PROTOCOL
            yield connection

    @asynccontextmanager
    async def tail(
        self,
        lines: int = 0,
        select: Mapping[str, str] | None = None,
        after: Cursor | None = None,
        **options: Any,
    ) -> AsyncIterator[Reader]:
        """A reader that has begun."""
        async with self.opened(**options) as connection:
            await connection.send(begin(lines, select or {}, after))
            reader = Reader(connection, after or Cursor())
            await reader.until(lambda: reader.told(Ready) is not None, "ready")
            yield reader


async def _narrow(url: str, room: int) -> socket.socket:
    host, port = url.split("/")[2].rsplit(":", 1)
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, (host, int(port)))
    return narrow


@asynccontextmanager
async def tail_world(etcd: EtcdServer, home: Path) -> AsyncIterator[TailWorld]:
    """A world over this etcd."""
    driver = open_driver(Settings(home=home, store_endpoints=etcd.endpoint))
    assert isinstance(driver, Etcd3Store)
    world = TailWorld(home, driver)
    await world.settle()
    try:
        yield world
    finally:
        await driver.close()
