"""A listener's side of one connection: held to the terms, and quiet in the log.

The library's own log is not for us: at its most talkative it writes every header, and a ticket stands in one.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

import structlog
from websockets.asyncio.server import ServerConnection

log = structlog.get_logger("sockets")

BEYOND = 100  # connections beyond the terms that are heard, to be told so; further ones are cut off at once


@dataclass(frozen=True)
class Terms:
    """What a listener bears of its clients. Seconds and bytes."""

    subprotocol: str  # what is spoken
    connections: int = 1000  # those that are not let in yet included
    open_seconds: float = 10.0  # from the connection's beginning to the upgrade
    ping_seconds: float = 20.0  # between pings, for a pong, and in which a reader must take something of what waits
    close_seconds: float = 2.0  # for the other side's part in a close
    message: int = 1024 * 1024  # that a client sends
    waiting: int = 64 * 1024  # for a client in the process; beyond that `send` waits
    kernel: int = 256 * 1024  # for a client in the kernel


class Inside:
    """The connections that a listener has."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.wires: set[Wire] = set()
        self._full = False

    def has_room(self) -> bool:
        """Whether there is room for another; where there is none, the log says so once."""
        full = len(self.wires) >= self.terms.connections
        if full and not self._full:
            log.warning("refuses further connections", most=self.terms.connections)
        self._full = full
        return not full


class Wire(ServerConnection):
    """A connection within the terms: counted, and cut off when it takes nothing of what waits for it."""

    def __init__(self, *args: Any, inside: Inside, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._inside = inside
        self.crowded = False  # there was no room for it
        self._unsent = 0
        self._look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self.crowded = not self._inside.has_room()
        self._inside.wires.add(self)
        super().connection_made(transport)
        if len(self._inside.wires) > self._inside.terms.connections + BEYOND:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._inside.wires.discard(self)
        self._look_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`. A client that does not take the answers to its pings sends no more of them."""
        super().data_received(data)
        if self.paused and not self.transport.is_closing():
            self.transport.pause_reading()

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().pause_writing()
        self._unsent = self.transport.get_write_buffer_size()
        self._look_later()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().resume_writing()
        self._look_no_more()
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def _look_later(self) -> None:
        self._look = self.loop.call_later(self._inside.terms.ping_seconds, self._look_at_reader)

    def _look_no_more(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def _look_at_reader(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent >= self._unsent:
            log.info("cut off a reader that takes nothing", unsent=unsent)
            self.transport.abort()
        else:
            self._unsent = unsent
            self._look_later()


class _Told(logging.Handler):
    """What the library finds worth an error, without its exception's words: they may repeat what was sent."""

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        error = record.exc_info[1] if record.exc_info else None
        log.error("a connection failed", what=record.getMessage(), kind=type(error).__name__)


def quiet() -> logging.Logger:
    """A logger for the library that tells errors alone."""
    logger = logging.Logger("sockets", logging.ERROR)  # noqa: LOG001 - outside the tree: no setting makes it talkative
    logger.addHandler(_Told())
    return logger
