"""Syslog over TCP (RFC 6587, octet counting) and over TLS (RFC 5425).

Syslog has no answers. So what was written counts as arrived when the receiver's kernel has acknowledged it and the
connection has not broken within a moment after; until then it is kept, to be sent again on the next connection.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import ssl
import struct
import termios
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import urlsplit

from aiohappyeyeballs import start_connection

from services.logger.drains.doors import Doors
from services.logger.drains.kind import Away, Batch, Pace, Target, Terms, trusted
from services.logger.drains.reasons import reason_of
from services.logger.drains.rendering import Layout

SCHEMES = ("syslog", "syslog+tls")
PACE = Pace(size=64 * 1024, linger=0.0)
PORTS = {"syslog": 514, "syslog+tls": 6514}
NEXT_SECONDS = 0.25  # without an answer from one address, after which the next is tried beside it (RFC 8305 §5)
ESTABLISHED, CLOSE_WAIT = 1, 8  # states of TCP (linux/tcp_states.h)
HEARD = 64 * 1024  # bytes of what a receiver says that are read, and thrown away; nothing is to be said
DOUBTFUL = 1024 * 1024  # bytes that the receiver's kernel has and that are kept nevertheless, at most
BELOW_TLS = 192 * 1024  # bytes that may stand between TLS and the kernel without being seen: its mark, and a batch


def layout(layout: Layout) -> Layout:
    """As it is."""
    return layout


@asynccontextmanager
async def connect(target: Target, layout: Layout, terms: Terms, wake: Callable[[], None]) -> AsyncIterator[SyslogLine]:
    """See `Kind.connect`."""
    parts = urlsplit(target.url)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    loop = asyncio.get_running_loop()
    context = await trusted(target) if parts.scheme == "syslog+tls" else None
    try:
        async with asyncio.timeout(terms.connect_seconds):
            sock = await _connected(target, host, port, terms)
            _, line = await loop.create_connection(
                lambda: SyslogLine(layout, terms, wake, tls=context is not None),
                sock=sock,
                ssl=context,
                server_hostname=host if context else None,
            )
    except TimeoutError as error:
        raise Away(f"{host}:{port} did not answer within {terms.connect_seconds:g} s") from error
    except ssl.SSLCertVerificationError as error:
        raise Away(f"the certificate of {host}:{port} is not trusted: {error.verify_message}") from error
    except (OSError, ValueError) as error:
        raise Away(f"{host}:{port} cannot be reached: {reason_of(error)}") from error
    try:
        yield line
    finally:
        line.end()


async def _connected(target: Target, host: str, port: int, terms: Terms) -> socket.socket:
    """A connection to one of its addresses: while one is silent, others are tried (RFC 8305). Raises `Away`."""
    doors = Doors(terms.way)
    try:
        infos = await terms.names.look_up(target.app, target.token, host, port)
        sock = await start_connection(
            infos, happy_eyeballs_delay=NEXT_SECONDS, interleave=1, socket_factory=doors.open_socket
        )
    except (OSError, ValueError) as error:
        raise Away(f"{host}:{port} cannot be reached: {doors.why(error)}") from error
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(terms.stall_seconds * 1000))
    return sock


UNPROVEN = " before it took anything: look whether it asks for a client certificate, and lets in the drain's"


class SyslogLine(asyncio.Protocol):
    """One connection. Whatever the receiver says is thrown away, and beyond a bound not even read."""

    def __init__(self, layout: Layout, terms: Terms, wake: Callable[[], None], *, tls: bool) -> None:
        self.lost = ""
        self._layout = layout
        self._seconds = terms.settle_seconds
        self._wake = wake
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._open = asyncio.Event()
        self._heard = 0  # bytes
        self._written = 0  # bytes
        self._ends: deque[int] = deque()  # of the batches that are not acknowledged, in bytes written
        self._doubtful: deque[tuple[float, int]] = deque()  # acknowledged ones: since when, and their size
        self._settled = 0
        self._proven = False  # whether anything was ever settled on it
        self._before = 0  # the end of the last acknowledged one

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(PACE.size)
        self._open.set()

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._open.clear()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._open.set()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._heard += len(data)
        if self._deaf and self._transport is not None:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The receiver closes. It has read what it acknowledged: one that has not resets (RFC 1122 §4.2.2.13)."""
        if not self.lost and self._stands():
            self._look()
            self._settled += len(self._doubtful)
            self._doubtful.clear()
        self._lose("the receiver closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._lose(f"the connection broke: {reason_of(exc)}" if exc else "the connection broke")

    async def send(self, batch: Batch) -> None:
        """See `Connection`."""
        if not self.lost and self._transport is not None:
            frames = b"".join([self._layout.frames(lot) for lot in batch.lots])
            self._transport.write(frames)
            self._written += len(frames)
            self._ends.append(self._written)
            await self._open.wait()
        if self.lost:
            raise Away(self.lost)

    def settled(self) -> int:
        """See `Connection`."""
        if self._deaf and not self.lost:
            self._ask()
        if not self.lost:
            self._look()
            due, kept = self._loop.time() - self._seconds, sum(size for _, size in self._doubtful)
            while self._doubtful and (self._doubtful[0][0] <= due or kept > DOUBTFUL):
                kept -= self._doubtful.popleft()[1]
                self._settled += 1
        settled, self._settled = self._settled, 0
        self._proven |= settled > 0
        return settled

    def end(self) -> None:
        """Hang up at once: what is on its way is kept by who sent it."""
        if self._transport is not None:
            if self.lost:
                self._transport.abort()
            else:
                self._transport.close()

    @property
    def _deaf(self) -> bool:
        """Whether nothing is read any more, and so nobody tells of the connection's end."""
        return self._heard > HEARD

    def _ask(self) -> None:
        """See whether the connection is still there."""
        state = self._state()
        if state == CLOSE_WAIT:
            self.eof_received()
        elif state != ESTABLISHED:
            self._lose("the connection broke")

    def _look(self) -> None:
        """See which batches the receiver's kernel has."""
        arrived, now = self._arrived(), self._loop.time()
        while self._ends and self._ends[0] <= arrived:
            end = self._ends.popleft()
            self._doubtful.append((now, end - self._before))
            self._before = end

    def _arrived(self) -> int:
        """Bytes that the receiver's kernel has acknowledged, at least."""
        transport = self._transport
        sock = transport.get_extra_info("socket") if transport is not None else None
        if transport is None or sock is None or not self._stands():
            return 0
        try:
            answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
        except (OSError, ValueError):
            return 0
        under_way = transport.get_write_buffer_size() + int(struct.unpack("i", answer)[0])
        if self._tls and under_way:
            under_way += BELOW_TLS
        return self._written - under_way

    def _stands(self) -> bool:
        """Whether there was no reset: after one, the kernel's word on what is under way means nothing."""
        return self._state() in {ESTABLISHED, CLOSE_WAIT}

    def _state(self) -> int:
        """The connection's state of TCP; 0: it has none any more."""
        sock = self._transport.get_extra_info("socket") if self._transport is not None else None
        try:
            return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] if sock is not None else 0
        except OSError:
            return 0

    def _lose(self, reason: str) -> None:
        if not self.lost:
            # After the handshake a receiver does not say why it sends a client away (RFC 8446, 6.2: it need not).
            self.lost = reason if self._proven or not self._tls else f"{reason}{UNPROVEN}"
            self._open.set()
            self._wake()
