"""The way in for routers and other programs: syslog over TCP or TLS (RFC 6587, RFC 5425), off by default."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog

from libs.daemon import Daemon
from libs.keyspace.records import App
from libs.store.mirror import Mirror
from services.logger.archive import Archive
from services.logger.settings import LoggerSettings
from services.logger.syslog_intake import Intake, IntakeCollector, Keeps
from services.logger.syslog_renewal import Renewal
from services.logger.syslog_sender import PIECE, Sender
from services.logger.syslog_terms import Terms

PATIENCE = 60.0  # seconds that a message may take from its first byte to its last
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
        self._tls: ssl.SSLContext | None = None
        self._connections: set[Sender] = set()
        self._waiting: deque[Sender] = deque()  # those of whom something was read that is not taken yet

    @property
    def connections(self) -> int:
        """How many there are: of senders, and of those in the middle of TLS's handshake."""
        return len(self._connections)

    @property
    def crowded(self) -> bool:
        """See `Door`."""
        return len(self._connections) > 2 * self._most

    def admit(self, sender: Sender) -> bool:
        """See `Door`."""
        if len(self.senders) >= self._most:
            return False
        self.senders.add(sender)
        return True

    def leave(self, sender: Sender) -> None:
        """See `Door`."""
        self.senders.discard(sender)
        self._connections.discard(sender)

    def read(self, sender: Sender) -> None:
        """See `Door`."""
        self._waiting.append(sender)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._take)

    def _take(self) -> None:
        """About one piece at a time: however much comes at once, and from however many, others are served between."""
        left = PIECE
        while self._waiting and left > 0:
            sender = self._waiting[0]
            left -= sender.take()
            self._waiting.popleft()
            if sender.waiting:
                self._waiting.append(sender)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._take)

    async def close_stalled(self) -> None:
        """End the connections on which a handshake or a message began and does not end."""
        now = asyncio.get_running_loop().time()
        for sender in list(self._connections):
            sender.end_if_stalled(now)

    @asynccontextmanager
    async def listening(self, terms: Terms) -> AsyncIterator[int]:
        """Take senders while the body runs; yields the port."""
        self._tls = terms.tls
        family = socket.AF_INET6 if ":" in terms.host else socket.AF_INET
        with socket.create_server((terms.host, terms.port), family=family, backlog=BACKLOG) as door:
            server = await asyncio.get_running_loop().create_server(self.sender, sock=door, backlog=BACKLOG)
            try:
                yield door.getsockname()[1]
            finally:
                server.close()
                for sender in list(self._connections):
                    sender.end("the logger ends")

    def sender(self) -> Sender:
        """Of a connection that is there from now on."""
        sender = Sender(self, self._tls)
        self._connections.add(sender)
        return sender

    async def renew(self, tls: ssl.SSLContext) -> None:
        """Hold those who come from now on to other certificates; who is there stays, and nobody is turned away."""
        self._tls = tls


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
