"""Clients that trickle, stall, idle or come in crowds are cut off; others are not. Over raw sockets."""

from __future__ import annotations

import asyncio
import socket
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from libs.web import Limits, application, listen
from tests.support.waiting import eventually

NEVER = 3600.0
PATIENT = Limits(head_seconds=NEVER, body_seconds=NEVER, stall_seconds=NEVER, idle_seconds=NEVER, linger_seconds=0.01)
SOON = 0.05
LONG = b"x" * 20_000_000


async def echoes(request: web.Request) -> web.Response:
    return web.Response(text=f"{len(await request.read())} bytes")


async def ignores(_: web.Request) -> web.Response:
    return web.Response(text="whatever")


async def tells(_: web.Request) -> web.Response:
    return web.Response(body=LONG)


async def goes_on(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(20):
        await response.write(b"tick\n")
        await asyncio.sleep(SOON / 4)
    return response


@asynccontextmanager
async def serving(limits: Limits) -> AsyncIterator[int]:
    app = application(service="kettle", registry=CollectorRegistry(), body_limit=100_000, upper_reasons=True)
    app.router.add_post("/echoes", echoes)
    app.router.add_post("/ignores", ignores)
    app.router.add_get("/tells", tells)
    app.router.add_get("/goes_on", goes_on)
    async with listen(app, "127.0.0.1", 0, limits) as port:
        yield port


class Peer:
    """A client that says byte for byte what it wants."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, text: str | bytes) -> None:
        self.writer.write(text if isinstance(text, bytes) else text.encode())
        await self.writer.drain()

    async def answer(self) -> tuple[str, str]:
        """The next answer's status line and body."""
        async with asyncio.timeout(30):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
            line, *fields = head.split("\r\n")
            lengths = [int(field.partition(":")[2]) for field in fields if field.startswith("content-length:")]
            return line.partition(" ")[2].upper(), (await self.reader.readexactly(sum(lengths))).decode()

    async def ended(self) -> bytes:
        """What still comes until the server ends the connection."""
        rest = b""
        async with asyncio.timeout(30):
            with suppress(ConnectionResetError):
                while piece := await self.reader.read(1 << 20):
                    rest += piece
        return rest


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def trickling(peer: Peer, text: str) -> AsyncIterator[None]:
    """Say this byte by byte, again and again, while the body runs."""

    async def trickle() -> None:
        try:
            while True:
                for letter in text:
                    await peer.say(letter)
                    await asyncio.sleep(SOON / 5)
        except ConnectionError:
            pass

    async with asyncio.TaskGroup() as group:
        task = group.create_task(trickle())
        yield
        task.cancel()


async def test_a_connection_on_which_nothing_comes_is_ended() -> None:
    async with serving(replace(PATIENT, head_seconds=SOON)) as port, connected(port) as peer:
        assert (await peer.answer())[0] == "408 REQUEST TIMEOUT"
        assert await peer.ended() == b""


async def test_a_head_that_trickles_is_cut_off() -> None:
    async with serving(replace(PATIENT, head_seconds=SOON)) as port, connected(port) as peer:
        await peer.say("GET /tells HTTP/1.1\r\n")
        async with trickling(peer, "X-More: and more\r\n"):
            assert (await peer.answer())[0] == "408 REQUEST TIMEOUT"
            assert await peer.ended() == b""


async def test_a_later_requests_head_that_trickles_is_cut_off() -> None:
    async with serving(replace(PATIENT, head_seconds=SOON)) as port, connected(port) as peer:
        await peer.say("POST /echoes HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab")
        assert await peer.answer() == ("200 OK", "2 bytes")
        await peer.say("POST /echoes HTTP/1.1\r\n")
        async with trickling(peer, "X-More: and more\r\n"):
            assert (await peer.answer())[0] == "408 REQUEST TIMEOUT"


async def test_a_body_that_trickles_is_answered_and_cut_off() -> None:
    async with serving(replace(PATIENT, body_seconds=SOON)) as port, connected(port) as peer:
        await peer.say("POST /echoes HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n")
        async with trickling(peer, "slowly"):
            assert await peer.answer() == (
                "408 REQUEST TIMEOUT",
                '{"detail":"The request\'s body did not come in time."}',
            )
            assert await peer.ended() == b""


async def test_a_body_that_nobody_wants_is_not_waited_for_long() -> None:
    async with serving(replace(PATIENT, linger_seconds=SOON)) as port, connected(port) as peer:
        await peer.say("POST /ignores HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n")
        async with trickling(peer, "slowly"):
            assert (await peer.answer())[0] == "200 OK"
            assert await peer.ended() == b""


async def test_a_body_that_comes_behind_its_answer_is_no_slow_head() -> None:
    limits = replace(PATIENT, head_seconds=SOON, linger_seconds=NEVER)
    async with serving(limits) as port, connected(port) as peer:
        await peer.say("POST /ignores HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
        assert (await peer.answer())[0] == "200 OK"
        await peer.say("late")
        await asyncio.sleep(4 * SOON)  # the time that it takes is what this is about
        await peer.say("POST /echoes HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab")
        assert await peer.answer() == ("200 OK", "2 bytes")


async def test_a_large_body_that_comes_steadily_has_time_in_proportion() -> None:
    limits = replace(PATIENT, body_seconds=SOON, body_rate=1000)
    async with serving(limits) as port, connected(port) as peer:
        await peer.say("POST /echoes HTTP/1.1\r\nHost: x\r\nContent-Length: 90010\r\n\r\n" + "x" * 90_000)
        for _ in range(10):
            await asyncio.sleep(SOON / 2)  # the time that it takes is what this is about
            await peer.say("y")
        assert await peer.answer() == ("200 OK", "90010 bytes")


@pytest.mark.parametrize("encoding", ["Content-Length: 200000000", "Transfer-Encoding: chunked"])
async def test_a_body_over_the_limit_is_refused_before_all_of_it_is_there(encoding: str) -> None:
    async with serving(PATIENT) as port, connected(port) as peer:
        await peer.say(f"POST /echoes HTTP/1.1\r\nHost: x\r\n{encoding}\r\n\r\n")
        await peer.say(b"%x\r\n" % 150_000 + b"x" * 150_000 + b"\r\n" if "chunked" in encoding else b"x" * 150_000)
        assert (await peer.answer())[0] == "413 REQUEST ENTITY TOO LARGE"
        assert await peer.ended() == b""


async def test_a_body_that_unfolds_over_the_limit_is_refused() -> None:
    folded = zlib.compress(b"0" * 50_000_000)
    assert len(folded) < 100_000
    async with serving(PATIENT) as port, connected(port) as peer:
        head = f"POST /echoes HTTP/1.1\r\nHost: x\r\nContent-Encoding: deflate\r\nContent-Length: {len(folded)}\r\n\r\n"
        await peer.say(head.encode() + folded)
        assert (await peer.answer())[0] == "413 REQUEST ENTITY TOO LARGE"


@pytest.mark.parametrize(
    "head",
    [
        f"GET /{'x' * 9000} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET /tells HTTP/1.1\r\nHost: x\r\nX-Long: {'x' * 9000}\r\n\r\n",
        "GET /tells HTTP/1.1\r\nHost: x\r\n" + "".join(f"X-{n}: 1\r\n" for n in range(101)) + "\r\n",
        "GET /tells HTTP/9.9\r\nHost: x\r\n\r\n",
        "GET /tells HTTP/1.1\r\nHost: x\r\nAuthorization : token opensesame\r\n\r\n",
        "GET /tells HTTP/1.1\r\nHost: x\r\nAuthorization: token\r\n opensesame\r\n\r\n",
        f"GET /tells HTTP/1.1\r\nHost: x\r\nAuthorization: token opensesame{'x' * 9000}\r\n\r\n",
        "GET /tells HTTP/1.1\nHost: x\nAuthorization: token opensesame\n\n",
    ],
)
async def test_a_head_that_is_too_large_or_none_is_refused_and_told_in_a_line_that_quotes_nothing(head: str) -> None:
    with capture_logs() as said:
        async with serving(PATIENT) as port, connected(port) as peer:
            await peer.say(head)
            assert (await peer.answer())[0] == "400 BAD REQUEST"
            assert await peer.ended() == b""
    assert [line["event"] for line in said] == ["refused what cannot be read as a request"]
    assert "opensesame" not in str(said)


async def test_a_body_that_is_not_encoded_as_it_says_is_told_in_a_line() -> None:
    with capture_logs() as said:
        async with serving(PATIENT) as port, connected(port) as peer:
            head = "POST /echoes HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n"
            await peer.say(head.encode() + b"abcd")
            assert (await peer.answer())[0] == "400 BAD REQUEST"
            assert await peer.ended() == b""
    assert [line["event"] for line in said] == ["refused a body that is not encoded as its head says"]


async def test_a_reader_that_takes_nothing_of_a_long_answer_is_cut_off() -> None:
    with socket.socket() as reader, capture_logs() as said:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        async with serving(replace(PATIENT, stall_seconds=SOON)) as port:
            reader.connect(("127.0.0.1", port))
            reader.sendall(b"GET /tells HTTP/1.1\r\nHost: x\r\n\r\n")
            await eventually(lambda: [line for line in said if line["event"].startswith("cut off a reader")])
            reader.settimeout(30)
            got = 0
            with suppress(ConnectionResetError):
                while piece := reader.recv(1 << 20):
                    got += len(piece)
    assert got < len(LONG)


async def test_a_slow_reader_that_takes_a_little_each_time_gets_it_all() -> None:
    async with serving(replace(PATIENT, stall_seconds=0.5)) as port, connected(port) as peer:
        await peer.say("GET /tells HTTP/1.1\r\nHost: x\r\n\r\n")
        await peer.reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(60):
            for _ in range(20):
                assert len(await peer.reader.readexactly(len(LONG) // 20))
                await asyncio.sleep(0.05)  # the time that it takes is what this is about


async def test_an_idle_connection_is_ended_and_one_in_use_is_not() -> None:
    async with serving(replace(PATIENT, idle_seconds=0.6)) as port, connected(port) as peer:
        for _ in range(5):
            await peer.say("GET /goes_on HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(30):
                assert b"200 OK" in await peer.reader.readuntil(b"0\r\n\r\n")
        assert await peer.ended() == b""


async def test_connections_beyond_the_most_are_turned_away_until_one_ends() -> None:
    request = "POST /echoes HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na"
    with capture_logs() as said:
        async with serving(replace(PATIENT, connections=2)) as port, connected(port) as one:
            async with connected(port) as two:
                for peer in (one, two):
                    await peer.say(request)
                    assert (await peer.answer())[0] == "200 OK"
                for _ in range(2):
                    async with connected(port) as third:
                        assert (await third.answer())[0] == "503 SERVICE UNAVAILABLE"
                        assert await third.ended() == b""

            async def there_is_room() -> bool:
                async with connected(port) as third:
                    await third.say(request)
                    return (await third.answer())[0] == "200 OK"

            assert await eventually(there_is_room)
    assert sum(line["event"] == "refuses further connections" for line in said) >= 1
