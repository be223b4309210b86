"""One who sends syslog: what comes of a connection, with TLS or without, taken in turns with that of others."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Protocol, cast

import structlog

from services.logger.syslog_framing import Framing
from services.logger.syslog_intake import Intake
from services.logger.syslog_tls import Inbound

PIECE = 32 * 1024  # bytes that are taken in one turn of the loop, of one sender and of all of them
HANDSHAKE = 10.0  # seconds that a sender may take to show its certificate
UNREAD = 64 * 1024  # bytes of TLS's own answers that a sender may leave unread

log = structlog.get_logger("logger")


class Door(Protocol):
    """Where senders come in."""

    intake: Intake
    patience: float  # seconds that a message may take from its first byte to its last

    @property
    def crowded(self) -> bool:
        """Whether there are far more connections than senders may be: those in the middle of TLS's handshake."""

    def admit(self, sender: Sender) -> bool:
        """Whether there is room for one more; behind TLS it is asked once the certificate is shown."""

    def read(self, sender: Sender) -> None:
        """Something came of a sender, who has its turn to have it taken."""

    def leave(self, sender: Sender) -> None:
        """It is gone."""


class Sender(asyncio.Protocol):
    """One connection. What was read is taken in turns, and no more is read before: that is its back-pressure."""

    def __init__(self, door: Door, tls: ssl.SSLContext | None) -> None:
        self._door = door
        self._intake = door.intake
        self._tls = Inbound(tls) if tls else None
        self._framing = Framing()
        self._transport: asyncio.Transport | None = None
        self._name = ""
        self._read = b""  # what is not taken yet
        self._left: str | None = None  # why the sender is gone, while something of it may not be taken yet
        self._admitted = False
        self._clock = asyncio.get_running_loop().time
        self._since: float | None = None  # when the handshake or the open message began, None where none is

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection is there; it is a sender's once that has shown its certificate, where it has to."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods alone
        self._name = _address_of(self._transport)
        _keep_alive(self._transport)
        if self._tls is None:
            self._begin()
        elif self._door.crowded:
            self._turn_away()
        else:
            self._since = self._clock()

    def _begin(self) -> None:
        self._since = None
        self._admitted = self._door.admit(self)
        if self._admitted:
            self._intake.counts.senders += 1
            log.info("a syslog sender came", sender=self._name)
        else:
            self._turn_away()

    def _turn_away(self) -> None:
        self._intake.counts.turned_away += 1
        log.warning("turned a syslog sender away: there are as many as may be", sender=self._name)
        self._close("there was no room")

    @property
    def waiting(self) -> bool:
        """Whether something came that is not taken yet."""
        return bool(self._read)

    def data_received(self, data: bytes) -> None:
        """So much came."""
        if self._transport is None or self._left is not None:
            return
        if not self._read:
            self._transport.pause_reading()
            self._door.read(self)
        self._read += data

    def take(self) -> int:
        """Store the messages of a piece of what came, and read on behind the last one; returns how much that was."""
        piece, self._read = self._read[:PIECE], self._read[PIECE:]
        self._store(self._in_plain_text(piece))
        if not self._read:
            if self._left is not None:
                self._forget(self._left)
            elif self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()
        return len(piece)

    def _store(self, data: bytes) -> None:
        if not data or not self._admitted:
            return
        self._intake.counts.bytes += len(data)
        split = self._framing.feed(data)
        if not self._framing.open:
            self._since = None
        elif split.messages or self._since is None:
            self._since = self._clock()
        self._intake.take(split)

    def _in_plain_text(self, data: bytes) -> bytes:
        if self._tls is None or self._transport is None:
            return data
        text, answer = self._tls.feed(data), self._tls.answer()
        if self._left is not None:
            return text
        if answer:
            self._transport.write(answer)
        if self._tls.established and not self._admitted:
            self._name = f"{self._tls.subject} at {self._name}" if self._tls.subject else self._name
            self._begin()
        if self._tls.failure:
            log.warning("a syslog sender's TLS failed", sender=self._name, reason=self._tls.failure)
            self._close(self._tls.failure)
        elif self._tls.ended:
            self._close("it left")
        elif self._transport.get_write_buffer_size() > UNREAD:
            self._close("it does not read what TLS answers")
        return text

    def _close(self, reason: str) -> None:
        """Read nothing more; what was read is taken, and what is written is still sent."""
        self._left = self._left or reason
        if self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The sender left; what it said is still taken."""
        self._left = self._left or ("it left" if exc is None else f"{type(exc).__name__}: {exc}")
        if not self._read:
            self._forget(self._left)

    def end_if_stalled(self, now: float) -> None:
        """End the connection if a handshake or a message began on it and does not end. `now`: of the loop's clock."""
        if self._since is None:
            return
        if self._tls is not None and not self._tls.established:
            patience, what = HANDSHAKE, "TLS's handshake"
        else:
            patience, what = self._door.patience, "a message"
        if now - self._since >= patience:
            self.end(f"{what} was not complete within {patience:g} s")

    def end(self, reason: str) -> None:
        """Close the connection; what it said is taken at once."""
        self._left = self._left or reason
        while self._read:
            self.take()
        self._forget(self._left)
        if self._transport is not None:
            self._transport.abort()

    def _forget(self, reason: str) -> None:
        self._door.leave(self)
        if not self._admitted:
            return
        self._admitted = False
        counts = self._intake.counts
        counts.senders -= 1
        counts.unfinished += self._framing.open
        log.info("a syslog sender is gone", sender=self._name, reason=reason, unfinished=self._framing.open)


def _address_of(transport: asyncio.Transport) -> str:
    peer = transport.get_extra_info("peername")
    return f"{peer[0]}:{peer[1]}" if peer else "?"


def _keep_alive(transport: asyncio.Transport) -> None:
    """A sender that vanished without a word does not hold its place for ever."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 20)
