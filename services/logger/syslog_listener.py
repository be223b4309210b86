"""The way in for routers and other programs: syslog over TCP or TLS (RFC 6587, RFC 5425), off by default."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import structlog

from libs.daemon import Daemon
from libs.keyspace.records import App
from libs.store.mirror import Mirror
from services.logger.archive import Archive
from services.logger.settings import LoggerSettings
from services.logger.syslog_framing import Framing
from services.logger.syslog_intake import Intake, IntakeCollector, Keeps

PATIENCE = 60.0  # seconds that a message may take from its first byte to its last
HANDSHAKE = 10.0  # seconds that a sender may take to show its certificate
LOOK = 5.0  # seconds between two looks for senders that keep a message back

log = structlog.get_logger("logger")


class BadListener(ValueError):
    """Settings by which nobody could be let in safely; the message says what would be right."""


@dataclass(frozen=True)
class Terms:
    """Where it listens, and on which terms; `tls` has what is needed for it, None is plain TCP."""

    host: str
    port: int
    senders: int
    tls: ssl.SSLContext | None

    @classmethod
    def of(cls, settings: LoggerSettings) -> Terms | None:
        """As the settings say; None where it is off. Raises `BadListener`."""
        port, host = settings.logger_syslog_port, settings.logger_syslog_host
        cert, key = settings.logger_syslog_cert_file, settings.logger_syslog_key_file
        ca = settings.logger_syslog_ca_file
        if port is None:
            return None
        if (cert is None) != (key is None):
            raise BadListener(
                "a syslog listener with TLS takes both DEIS_LOGGER_SYSLOG_CERT_FILE and DEIS_LOGGER_SYSLOG_KEY_FILE; "
                f"only {'the certificate' if cert else 'the key'} is given"
            )
        if ca is not None and cert is None:
            raise BadListener(
                f"DEIS_LOGGER_SYSLOG_CA_FILE is {ca}, and client certificates are of TLS alone: "
                "give DEIS_LOGGER_SYSLOG_CERT_FILE and DEIS_LOGGER_SYSLOG_KEY_FILE as well"
            )
        if not _is_loopback(host) and ca is None:
            raise BadListener(
                f"DEIS_LOGGER_SYSLOG_HOST is {host}: beyond the loopback, senders have to show a certificate. Give "
                "DEIS_LOGGER_SYSLOG_CERT_FILE, DEIS_LOGGER_SYSLOG_KEY_FILE and DEIS_LOGGER_SYSLOG_CA_FILE (the "
                "authorities that sign the senders'), or listen on 127.0.0.1"
            )
        tls = _context(cert, key, ca) if cert and key else None
        return cls(host, port, settings.logger_syslog_senders, tls)


class Listener:
    """Every sender has a connection; what it sends goes to the intake as it comes, and no sender waits for another."""

    def __init__(self, intake: Intake, senders: int, *, patience: float) -> None:
        self.intake = intake
        self.patience = patience
        self.senders: set[Sender] = set()
        self._most = senders

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
        server = await asyncio.get_running_loop().create_server(
            lambda: Sender(self),
            terms.host,
            terms.port,
            ssl=terms.tls,
            ssl_handshake_timeout=HANDSHAKE if terms.tls else None,
        )
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for sender in list(self.senders):
                sender.end("the logger ends")


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


class Sender(asyncio.Protocol):
    """One connection. `since` is when the open message began (the loop's clock), None where none is."""

    def __init__(self, listener: Listener) -> None:
        self.since: float | None = None
        self._listener = listener
        self._intake = listener.intake
        self._framing = Framing()
        self._transport: asyncio.Transport | None = None
        self._name = ""
        self._clock = asyncio.get_running_loop().time

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A sender is there; behind TLS, it has shown its certificate."""
        assert isinstance(transport, asyncio.Transport)
        self._transport, counts = transport, self._intake.counts
        self._name = _name_of(transport)
        if self._listener.full:
            counts.turned_away += 1
            log.warning("turned a syslog sender away: there are as many as may be", sender=self._name)
            transport.abort()
            return
        _keep_alive(transport)
        self._listener.senders.add(self)
        counts.senders += 1
        log.info("a syslog sender came", sender=self._name)

    def data_received(self, data: bytes) -> None:
        """What came is stored before more is read: that is all the back-pressure that is needed."""
        if self not in self._listener.senders:
            return
        self._intake.counts.bytes += len(data)
        split = self._framing.feed(data)
        if not self._framing.open:
            self.since = None
        elif split.messages or self.since is None:
            self.since = self._clock()
        self._intake.take(split)

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


def _context(cert: Path, key: Path, ca: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise BadListener(f"the certificate {cert} with the key {key} cannot be used for syslog: {error}") from error
    if ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(ca)
        except (OSError, ssl.SSLError) as error:
            raise BadListener(f"the authorities of syslog senders in {ca} cannot be used: {error}") from error
    return context


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
