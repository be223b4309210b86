"""A connection's terms, in virtual time, over a transport that does what the test says."""

from __future__ import annotations

import asyncio
import logging

import pytest
import structlog
from websockets.asyncio.server import Server
from websockets.server import ServerProtocol

from libs.sockets.wire import BEYOND, Inside, Terms, Wire, quiet

TERMS = Terms("spoken", connections=1)


class Line(asyncio.Transport):
    """A transport whose client takes what the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.unsent = 0
        self.written = b""
        self.closed = self.reading = False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def abort(self) -> None:
        self.closed = True

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


async def handle(_: object) -> None:
    """The library's task of a connection."""


def connected(inside: Inside) -> tuple[Wire, Line]:
    async def create() -> asyncio.Server:
        raise NotImplementedError

    wire, line = Wire(ServerProtocol(), Server(create, handle), inside=inside), Line()
    wire.connection_made(line)
    return wire, line


async def test_a_reader_that_takes_nothing_is_cut_off() -> None:
    wire, line = connected(Inside(TERMS))
    line.unsent = 100_000
    wire.pause_writing()
    await asyncio.sleep(19)
    assert not line.closed
    await asyncio.sleep(2)
    assert line.closed


async def test_a_reader_that_takes_a_little_now_and_then_is_not() -> None:
    wire, line = connected(Inside(TERMS))
    line.unsent = 100_000
    wire.pause_writing()
    for _ in range(360):
        await asyncio.sleep(10)
        line.unsent -= 1
    assert not line.closed
    wire.resume_writing()
    await asyncio.sleep(3600)
    assert not line.closed


async def test_a_client_is_not_read_while_it_does_not_read() -> None:
    wire, line = connected(Inside(TERMS))
    line.reading = True
    wire.data_received(b"GET /")
    seen = [line.reading]
    line.unsent = 100_000
    wire.pause_writing()
    wire.data_received(b" HTTP/1.1\r\n")
    seen.append(line.reading)
    wire.resume_writing()
    seen.append(line.reading)
    assert seen == [True, False, True]


async def test_one_too_many_is_heard_and_far_too_many_are_not() -> None:
    inside = Inside(TERMS)
    with structlog.testing.capture_logs() as events:
        crowd = [connected(inside) for _ in range(1 + BEYOND)]
        assert [wire.crowded for wire, _ in crowd] == [False, *[True] * BEYOND]
        assert not any(line.closed for _, line in crowd)
        further, line = connected(inside)
        assert line.closed
        for wire in (further, *[wire for wire, _ in crowd]):
            wire.connection_lost(None)
        wire, line = connected(inside)
        assert (wire.crowded, line.closed) == (False, False)
    assert [event["event"] for event in events] == ["refuses further connections"]


def test_the_librarys_words_are_told_without_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logger = quiet()
    assert not logger.isEnabledFor(logging.INFO)
    with structlog.testing.capture_logs() as events:
        logger.error("opening handshake failed", exc_info=ValueError("deis.ticket.secret"))
        logger.debug("< Sec-WebSocket-Protocol: deis.ticket.secret")
    assert events == [
        {
            "event": "a connection failed",
            "what": "opening handshake failed",
            "kind": "ValueError",
            "log_level": "error",
        }
    ]
    assert caplog.text == ""
