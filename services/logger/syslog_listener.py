"""The way in for routers and other programs: syslog over TCP or TLS (RFC 6587, RFC 5425), off by default."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast

import structlog

from libs.daemon import Daemon
from libs.keyspace.records import App
from libs.store.mirror import Mirror
from services.logger.archive import Archive
from services.logger.settings import LoggerSettings
from services.logger.syslog_framing import Framing
from services.logger.syslog_intake import Intake, IntakeCollector, Keeps
from services.logger.syslog_renewal import Renewal
from services.logger.syslog_terms import Terms

PATIENCE = 60.0  # seconds that a message may take from its first byte to its last
HANDSHAKE = 10.0  # seconds that a sender may take to show its certificate
PIECE = 32 * 1024  # bytes that are read at once of a sender, and taken in one turn of the loop of all of them
LOOK = 5.0  # seconds between two looks for senders that keep a message back, and for renewed certificates
BACKLOG = 100  # senders that the kernel keeps until they are taken

log = structlog.get_logger("logger")


class Listener:
    """Every sender has a connection; what it sends goes to the intake as it comes, and no sender waits for another."""

    def __init__(self, intake: Intake, senders: int, *, patience: float) -> None:
        self.intake = intake
        self.patience = patience
        self.senders: set[Sender] = set()
        self._most = senders
        self._door: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._waiting: deque[Sender] = deque()  # those of whom something was read that is not taken yet

    def read(self, sender: Sender) -> None:
        """Something came of a sender, who has its turn to have it taken."""
        self._waiting.append(sender)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._take)

    def _take(self) -> None:
        """About one piece at a time: however much comes at once, and from however many, others are served between."""
        left = PIECE
        while self._waiting and left > 0:
            left -= self._waiting[0].take()
            self._waiting.popleft()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._take)

    @property
    def full(self) -> bool:
        """Whether there is room for no more senders."""
        return len(self.senders) >= self._most

    async def close_stalled(self) -> None:
        """End the connections on which a message began and does not end."""
        now = asyncio.get_running_loop().time()
        for sender in list(self.senders):
            if sender.since is not None and now - sender.since >= self.patience:
                sender.end(f"a message was not complete within {self.patience:g} s")

    @asynccontextmanager
    async def listening(self, terms: Terms) -> AsyncIterator[int]:
        """Take senders while the body runs; yields the port."""
        family = socket.AF_INET6 if ":" in terms.host else socket.AF_INET
        with socket.create_server((terms.host, terms.port), family=family, backlog=BACKLOG) as door:
            self._door, self._server = door, await self._serving(door, terms.tls)
            try:
                yield door.getsockname()[1]
            finally:
                self._server.close()
                self._door = self._server = None
                for sender in list(self.senders):
                    sender.end("the logger ends")

    async def renew(self, tls: ssl.SSLContext) -> None:
        """Hold those who come from now on to other certificates; who is there stays, and nobody is turned away."""
        if self._door is not None and (former := self._server) is not None:
            self._server = await self._serving(self._door, tls)
            former.close()

    async def _serving(self, door: socket.socket, tls: ssl.SSLContext | None) -> asyncio.Server:
        """One more server at a door, which stays open when the server is closed."""
        return await asyncio.get_running_loop().create_server(
            lambda: Sender(self),
            sock=door.dup(),
            backlog=BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=HANDSHAKE if tls else None,
        )


def syslog_tasks(
    daemon: Daemon, settings: LoggerSettings, archive: Archive, *, apps: Mirror[App], keeps: Keeps
) -> dict[str, Coroutine[Any, Any, None]]:
    """The task that takes syslog, by its name; none where it is off. Raises `BadListener`."""
    terms = Terms.of(settings)
    if terms is None:
        return {}

    def uuid_of(name: str) -> str | None:
        app = apps.get(name)
        return app.uuid if app else None

    intake = Intake(archive, uuid_of, keeps)
    listener = Listener(intake, terms.senders, patience=PATIENCE)
    daemon.registry.register(IntakeCollector(intake.counts))
    daemon.loop("close_stalled_syslog_senders", listener.close_stalled, every=LOOK)
    if terms.files is not None:
        renewal = Renewal(terms.files, listener.renew)
        daemon.loop("renew_syslog_certificates", renewal.look, every=LOOK)
        daemon.facts["syslog certificates"] = lambda: renewal.trouble or "as in their files"
    return {"take_syslog": _take(daemon, listener, terms, apps)}


async def _take(daemon: Daemon, listener: Listener, terms: Terms, apps: Mirror[App]) -> None:
    """For ever, once the apps' names are known: before that, none would be an app's."""
    listens = False
    daemon.ready["takes syslog"] = lambda: listens
    await apps.wait_complete()
    async with listener.listening(terms) as port:
        listens = True
        daemon.facts["syslog"] = lambda: {"port": port, "senders": len(listener.senders)}
        log.info("takes syslog", host=terms.host, port=port, tls=terms.tls is not None)
        await asyncio.Event().wait()


class Sender(asyncio.BufferedProtocol):
    """One connection. `since` is when the open message began (the loop's clock), None where none is.

    What was read is taken in a turn of the listener's, and no more is read before: that is its back-pressure.
    """

    def __init__(self, listener: Listener) -> None:
        self.since: float | None = None
        self._listener = listener
        self._intake = listener.intake
        self._framing = Framing()
        self._transport: asyncio.Transport | None = None
        self._name = ""
        self._buffer = bytearray(PIECE)
        self._read = 0  # bytes in it that are not taken yet
        self._clock = asyncio.get_running_loop().time

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A sender is there; behind TLS, it has shown its certificate."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods alone
        counts = self._intake.counts
        self._name = _name_of(self._transport)
        if self._listener.full:
            counts.turned_away += 1
            log.warning("turned a syslog sender away: there are as many as may be", sender=self._name)
            self._transport.abort()
            return
        _keep_alive(self._transport)
        self._listener.senders.add(self)
        counts.senders += 1
        log.info("a syslog sender came", sender=self._name)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the protocol's
        """Where to put what comes."""
        return memoryview(self._buffer)[self._read :]

    def buffer_updated(self, nbytes: int) -> None:
        """So much came."""
        if self not in self._listener.senders or self._transport is None:
            return
        if not self._read:
            self._transport.pause_reading()
            self._listener.read(self)
        self._read += nbytes

    def take(self) -> int:
        """Store the messages of what came, and read on; returns how much that was."""
        data, self._read = bytes(self._buffer[: self._read]), 0
        self._intake.counts.bytes += len(data)
        split = self._framing.feed(data)
        if not self._framing.open:
            self.since = None
        elif split.messages or self.since is None:
            self.since = self._clock()
        self._intake.take(split)
        if self in self._listener.senders and self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        return len(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The sender left."""
        self._forget("it left" if exc is None else f"{type(exc).__name__}: {exc}")

    def end(self, reason: str) -> None:
        """Close the connection."""
        self._forget(reason)
        if self._transport is not None:
            self._transport.abort()

    def _forget(self, reason: str) -> None:
        if self not in self._listener.senders:
            return
        self._listener.senders.discard(self)
        if self._read:
            self.take()
        counts = self._intake.counts
        counts.senders -= 1
        counts.unfinished += self._framing.open
        log.info("a syslog sender is gone", sender=self._name, reason=reason, unfinished=self._framing.open)


def _name_of(transport: asyncio.Transport) -> str:
    """The sender's address and, behind TLS, its certificate's name."""
    peer = transport.get_extra_info("peername")
    address = f"{peer[0]}:{peer[1]}" if peer else "?"
    certificate = transport.get_extra_info("peercert") or {}
    names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    return f"{names[0]} at {address}" if names else address


def _keep_alive(transport: asyncio.Transport) -> None:
    """A sender that vanished without a word does not hold its place for ever."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 20)
