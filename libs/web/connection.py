"""A server's side of one connection: a client that trickles, stalls or idles is cut off, and there are so many at most.

aiohttp's own handler has a limit for idling alone (`keepalive_timeout`), which also ends a connection on which nothing
comes. The rest is here, in the callbacks of an `asyncio.Protocol`, and at the two ends of a request that aiohttp shows:
the server's `request_factory`, and `log_access`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader

log = structlog.get_logger("web")

HEAD_END = b"\r\n\r\n"
HEAD_OVERDUE = b"HTTP/1.1 408 REQUEST TIMEOUT\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
FULL = b"HTTP/1.1 503 SERVICE UNAVAILABLE\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Limits:
    """What a server bears of its clients. Seconds and bytes; more than a proxy in front takes itself."""

    connections: int = 2000
    head_seconds: float = 15.0  # from a connection's beginning, or a later request's first byte, to the end of the head
    body_seconds: float = 30.0  # for a body, and for each `body_rate` bytes of it one more
    body_rate: int = 4096
    stall_seconds: float = 30.0  # in which a reader must take something of what waits for it
    idle_seconds: float = 75.0  # from one request's end to the next one's beginning
    linger_seconds: float = (
        2.0  # in which the rest of a body is read that nobody wants, so that the answer gets through
    )
    line: int = 8190  # the request's line
    field: int = 8190  # a header
    fields: int = 100


class BodyOverdue(TimeoutError):
    """A request's body did not come in time."""


class Door:
    """Lets a server's connections in: the factory of their protocols, for `loop.create_server`."""

    def __init__(self, server: web.Server, limits: Limits) -> None:
        self.server, self.limits = server, limits
        self.inside: set[Connection] = set()
        self._full = False
        make_request = server.request_factory

        def begin(message: Any, payload: StreamReader, protocol: Any, writer: Any, task: Any) -> Any:
            cast("Connection", protocol).begin(payload)
            return make_request(message, payload, protocol, writer, task)

        server.request_factory = begin

    def __call__(self) -> Connection:
        """The protocol of a connection that comes."""
        return Connection(self)

    def admit(self, connection: Connection) -> bool:
        """Whether there is room for it; where there is none, the log says so once."""
        full = len(self.inside) >= self.limits.connections
        if full and not self._full:
            log.warning("refuses further connections", most=self.limits.connections)
        self._full = full
        if not full:
            self.inside.add(connection)
        return not full


class Connection(web.RequestHandler):
    """One connection, within the limits."""

    __slots__ = ("_began", "_busy", "_door", "_limits", "_payload", "_timers", "_unsent", "_wire")

    def __init__(self, door: Door) -> None:
        self._door, self._limits = door, door.limits
        super().__init__(
            door.server,
            loop=asyncio.get_running_loop(),
            access_log=cast("Any", None),
            keepalive_timeout=door.limits.idle_seconds,
            lingering_time=door.limits.linger_seconds,
            max_line_size=door.limits.line,
            max_field_size=door.limits.field,
            max_headers=door.limits.fields,
        )
        self._busy = False
        self._began = 0.0  # the present request's head was there
        self._payload: StreamReader | None = None  # of the present request, else of the last
        self._unsent = 0  # bytes, at the last look
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._wire: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        wire = self._wire = cast("asyncio.Transport", transport)
        if not self._door.admit(self):
            wire.write(FULL)
            wire.close()
            self.force_close()
            return
        wire.set_write_buffer_limits(0)  # writing counts as paused while anything waits for the reader
        if (sock := wire.get_extra_info("socket")) is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(self._limits.stall_seconds * 1000))
        super().connection_made(transport)
        self._set("head", self._limits.head_seconds, self._head_overdue)

    def connection_lost(self, exc: BaseException | None) -> None:
        """See `asyncio.Protocol`."""
        for name in list(self._timers):
            self._unset(name)
        self._door.inside.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`; aiohttp itself calls it with nothing, to go on with what it has."""
        if data and self._between and "head" not in self._timers and HEAD_END not in data:
            self._set("head", self._limits.head_seconds, self._head_overdue)
        super().data_received(data)

    @property
    def _between(self) -> bool:
        """What comes now begins a request; nothing is left of the one before, which may be answered earlier."""
        return not self._busy and (self._payload is None or self._payload.is_eof())

    def begin(self, payload: StreamReader) -> None:
        """A request's head is there, and its body may follow."""
        self._unset("head")
        self._busy, self._payload, self._began = True, payload, self._loop.time()
        if not payload.is_eof():
            self._set("body", self._limits.body_seconds, self._look_at_body)

    def log_access(self, request: web.BaseRequest, response: web.StreamResponse, time: float | None) -> None:
        """The request is answered."""
        self._unset("body")
        self._busy = False
        super().log_access(request, response, time)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """What was no HTTP, or no such body as its head says, is the client's fault: told in a line, and never quoted.

        aiohttp's words have the offending line behind them, which may hold a token.
        """
        match kw.get("exc_info"):
            case HttpProcessingError() as error:
                reason = error.message.partition(":")[0]
                log.info("refused what cannot be read as a request", peer=self.peername, reason=reason)
            case web.RequestPayloadError():
                log.info("refused a body that is not encoded as its head says", peer=self.peername)
            case _:
                super().log_exception(*args, **kw)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().pause_writing()
        self._look_at_reader()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().resume_writing()
        self._unset("reader")

    def _head_overdue(self) -> None:
        if self._wire is not None:
            self._wire.write(HEAD_OVERDUE)
        self.force_close()

    def _look_at_body(self) -> None:
        """Cut off a body that comes too slowly: who reads it gets `BodyOverdue`."""
        payload = self._payload
        if payload is None or payload.is_eof():
            return
        due = self._began + self._limits.body_seconds + payload.total_bytes / self._limits.body_rate
        if (left := due - self._loop.time()) > 0:
            self._set("body", left, self._look_at_body)
        else:
            payload.set_exception(BodyOverdue("the request's body did not come in time"))

    def _look_at_reader(self) -> None:
        """Cut off a reader that took nothing since the last look."""
        if self._wire is None:
            return
        unsent = self._wire.get_write_buffer_size()
        if "reader" in self._timers and unsent >= self._unsent:
            log.info("cut off a reader that takes nothing", peer=self.peername, unsent=unsent)
            self._wire.abort()
            return
        self._unsent = unsent
        self._set("reader", self._limits.stall_seconds, self._look_at_reader)

    def _set(self, name: str, seconds: float, callback: Callable[[], None]) -> None:
        self._unset(name)
        self._timers[name] = self._loop.call_later(seconds, callback)

    def _unset(self, name: str) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()
