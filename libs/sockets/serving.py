"""A listener for WebSockets (RFC 6455): who comes is asked for before the upgrade, and everyone is held to terms."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import NamedTuple, Protocol, cast

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.headers import parse_subprotocol
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from libs.sockets.wire import Inside, Terms, Wire, quiet

log = structlog.get_logger("sockets")


class SocketClosed(Exception):
    """The connection is at its end: nothing more is sent or received."""


class Asked(NamedTuple):
    """What a client asks for: the request's target, and the subprotocols that it offers, in its order."""

    target: str
    subprotocols: tuple[str, ...]


@dataclass(frozen=True)
class Refusal:
    """An answer instead of the upgrade."""

    status: HTTPStatus
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


_CROWDED = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections", {"Retry-After": "1"})


class Socket:
    """An open connection. One task sends and one receives; every verb raises `SocketClosed` at its end."""

    def __init__(self, wire: ServerConnection) -> None:
        self._wire = wire

    async def send(self, message: str | bytes) -> None:
        """Send a text or a binary message; waits while more than the terms allow waits for the client."""
        try:
            await self._wire.send(message)
        except ConnectionClosed as error:
            raise SocketClosed(str(error)) from error

    async def receive(self) -> str | bytes:
        """The next message."""
        try:
            return await self._wire.recv()
        except ConnectionClosed as error:
            raise SocketClosed(str(error)) from error

    async def close(self, code: int, reason: str = "") -> None:
        """Say good-bye, and wait for the answer for as long as the terms say; it may be closed already."""
        await self._wire.close(code, reason)

    def abort(self) -> None:
        """Cut it off."""
        self._wire.transport.abort()


class Guest(Protocol):
    """One who is let in. `leave` is called once, whatever became of the connection, also where `talk` never was."""

    async def talk(self, socket: Socket) -> None:
        """Hold the conversation; the connection is closed when it returns."""
        ...

    def leave(self) -> None:
        """Give back what was held for it."""
        ...


Admit = Callable[[Asked], Awaitable[Guest | Refusal]]


class _House:
    """The connections of a listener, and who is let in."""

    def __init__(self, admit: Admit) -> None:
        self.admit = admit
        self.guests: dict[Wire, Guest] = {}
        self.tasks: set[asyncio.Task[None]] = set()  # of those that were asked for

    async def welcome(self, wire: ServerConnection, request: Request, response: Response) -> Response | None:
        """Decide on a client whose request is a good one for an upgrade; the library's hook before it answers."""
        known = cast("Wire", wire)
        if known.crowded:
            return _refuse(wire, _CROWDED)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            response.body = b""  # it would repeat what was sent, a ticket too
            del response.headers["Content-Length"]
            response.headers["Content-Length"] = "0"
            return None
        task = asyncio.current_task()
        assert task is not None, "the library decides in the connection's own task"
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        values = request.headers.get_all("Sec-WebSocket-Protocol")
        offered = tuple(name for value in values for name in parse_subprotocol(value))
        try:
            answer = await self.admit(Asked(request.path, offered))
        except Exception:
            log.exception("could not decide on a connection")
            answer = Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "This failed here, and is logged.")
        if isinstance(answer, Refusal):
            return _refuse(wire, answer)
        self.guests[known] = answer
        task.add_done_callback(partial(self._left, known))
        return None

    async def host(self, wire: ServerConnection) -> None:
        """The library's handler of an open connection."""
        try:
            await self.guests[cast("Wire", wire)].talk(Socket(wire))
        except SocketClosed:
            pass
        except Exception:
            log.exception("a conversation failed")
            await wire.close(1011)

    def _left(self, wire: Wire, _: asyncio.Task[None]) -> None:
        self.guests.pop(wire).leave()


def _refuse(wire: ServerConnection, refusal: Refusal) -> Response:
    response = wire.respond(refusal.status, refusal.text + "\n")
    for name, value in refusal.headers.items():
        response.headers[name] = value
    return response


@asynccontextmanager
async def listen_sockets(admit: Admit, host: str, port: int, terms: Terms) -> AsyncIterator[int]:
    """Serve WebSockets on `host:port` while the body runs; yields the port (a free one for 0).

    What is still open at the end is cut off: whoever wants to say good-bye does so within the body.
    """
    house, inside = _House(admit), Inside(terms)
    server: Server = await serve(
        house.host,
        host,
        port,
        subprotocols=[Subprotocol(terms.subprotocol)],
        compression=None,
        process_response=house.welcome,
        server_header=None,
        open_timeout=terms.open_seconds,
        ping_interval=terms.ping_seconds,
        ping_timeout=terms.ping_seconds,
        close_timeout=terms.close_seconds,
        max_size=terms.message,
        max_queue=4,
        write_limit=terms.waiting,
        logger=quiet(),
        create_connection=cast("type[ServerConnection]", partial(Wire, inside=inside)),
    )
    try:
        for listener in server.sockets:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, terms.kernel)  # each connection has it from there
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close(close_connections=False)
        for wire in list(inside.wires):
            wire.transport.abort()
        for task in list(house.tasks):
            task.cancel()
        await server.wait_closed()
