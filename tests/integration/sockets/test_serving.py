"""The listener for WebSockets, over real sockets: clients that trickle, flood, stall and vanish."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import pytest
import structlog
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.typing import Subprotocol

from libs.sockets.serving import Asked, Guest, Refusal, Socket, SocketClosed, listen_sockets
from libs.sockets.wire import Terms
from tests.support.waiting import eventually

TERMS = Terms("spoken")
Talk = Callable[[Socket], Awaitable[None]]


async def wait_for_end(of: Socket) -> None:
    await of.receive()


class Person:
    """A guest; `left` counts how often it left."""

    def __init__(self, talk: Talk = wait_for_end) -> None:
        self._talk = talk
        self.socket: Socket | None = None
        self.left = 0

    async def talk(self, socket: Socket) -> None:
        self.socket = socket
        await self._talk(socket)

    def leave(self) -> None:
        self.left += 1

    async def admit(self, asked: Asked) -> Guest | Refusal:
        return self

    def gone(self) -> bool:
        return self.left > 0


def opening(port: int) -> connect:
    return connect(
        f"ws://127.0.0.1:{port}/",
        subprotocols=[Subprotocol("spoken")],
        compression=None,
        proxy=None,
        ping_interval=None,
    )


async def test_a_guest_is_asked_for_once_and_leaves_once() -> None:
    asked: list[Asked] = []

    async def echo(of: Socket) -> None:
        while True:
            await of.send(await of.receive())

    person = Person(echo)

    async def admit(one: Asked) -> Guest:
        asked.append(one)
        return person

    async with listen_sockets(admit, "127.0.0.1", 0, TERMS) as port:
        protocols = [Subprotocol("spoken"), Subprotocol("word.xyz")]
        async with connect(f"ws://127.0.0.1:{port}/a/b?c", subprotocols=protocols, proxy=None) as client:
            assert client.subprotocol == "spoken"
            assert client.protocol.extensions == []  # no compression, though the client offers it
            await client.send("text")
            assert await client.recv() == "text"
            await client.send(b"bytes")
            assert await client.recv() == b"bytes"
        await eventually(person.gone)
    assert asked == [Asked("/a/b?c", ("spoken", "word.xyz"))]
    assert person.left == 1


async def test_a_refusal_is_http() -> None:
    async def admit(_: Asked) -> Refusal:
        return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "no room", {"Retry-After": "7"})

    async with listen_sockets(admit, "127.0.0.1", 0, TERMS) as port:
        with pytest.raises(InvalidStatus) as caught:
            async with opening(port):
                pass
    response = caught.value.response
    assert (response.status_code, response.headers["Retry-After"], response.body) == (503, "7", b"no room\n")


async def test_what_fails_here_is_logged_and_told_to_nobody() -> None:
    async def fail(_: object) -> Guest:
        raise ValueError("the reason")

    person = Person(fail)  # type: ignore[arg-type]
    with structlog.testing.capture_logs() as events:
        async with listen_sockets(fail, "127.0.0.1", 0, TERMS) as port:
            with pytest.raises(InvalidStatus) as refused:
                async with opening(port):
                    pass
            assert refused.value.response.status_code == 500
            assert b"reason" not in (refused.value.response.body or b"")
        async with listen_sockets(person.admit, "127.0.0.1", 0, TERMS) as port, opening(port) as client:
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1011
    assert [event["event"] for event in events] == ["could not decide on a connection", "a conversation failed"]
    assert person.left == 1


async def test_a_client_that_does_not_ask_in_time_is_cut_off() -> None:
    async with listen_sockets(Person().admit, "127.0.0.1", 0, Terms("spoken", open_seconds=0.1)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
        async with asyncio.timeout(30):
            assert await reader.read() == b""
        writer.close()


async def test_what_is_no_request_is_cut_off_and_not_quoted() -> None:
    with structlog.testing.capture_logs() as events:
        async with listen_sockets(Person().admit, "127.0.0.1", 0, TERMS) as port:
            for said in (b"secret\r\n\r\n", b"\x16\x03\x01secret", b"GET /" + b"secret" * 3000 + b" HTTP/1.1\r\n\r\n"):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(said)
                writer.write_eof()
                assert b"secret" not in await reader.read()
                writer.close()
    assert "secret" not in repr(events)


async def test_there_are_so_many_connections_at_most() -> None:
    async with listen_sockets(Person().admit, "127.0.0.1", 0, Terms("spoken", connections=2)) as port:
        _, idle = await asyncio.open_connection("127.0.0.1", port)
        async with opening(port):
            with pytest.raises(InvalidStatus) as caught:
                async with opening(port):
                    pass
            assert caught.value.response.status_code == 503
        idle.close()

        async def comes() -> bool:
            try:
                async with opening(port):
                    return True
            except InvalidStatus:
                return False

        await eventually(comes, what="room")


async def test_a_client_that_takes_nothing_is_cut_off_and_little_waits_for_it() -> None:
    sent = 0

    async def pour(of: Socket) -> None:
        nonlocal sent
        while True:
            await of.send(b"x" * 65536)
            sent += 1

    person = Person(pour)
    terms = Terms("spoken", ping_seconds=0.2)
    async with listen_sockets(person.admit, "127.0.0.1", 0, terms) as port, opening(port) as client:
        client.transport.pause_reading()
        await eventually(person.gone, what="the end of a reader that takes nothing")
        assert sent * 65536 < 16 * 1024 * 1024  # what the kernel takes for the client, on both sides
        client.transport.abort()


async def test_a_flood_of_pings_whose_answers_nobody_takes_is_not_kept() -> None:
    person = Person()
    async with listen_sockets(person.admit, "127.0.0.1", 0, Terms("spoken", ping_seconds=0.5)) as port:
        raw = socket.create_connection(("127.0.0.1", port))
        raw.sendall(
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: spoken\r\n\r\n"
        )
        raw.setblocking(False)
        await eventually(lambda: person.socket is not None)
        assert person.socket is not None
        transport, most = person.socket._wire.transport, 0
        flood = (b"\x89\xfd" + os.urandom(4) + b"p" * 125) * 500
        while not person.gone():
            try:
                raw.send(flood)
            except BlockingIOError:
                await asyncio.sleep(0)
            except ConnectionError:
                break
            most = max(most, transport.get_write_buffer_size())
        await eventually(person.gone, what="the end of the flood")
        assert most < 1024 * 1024
        raw.close()


async def test_one_who_vanishes_while_it_is_decided_on_leaves_too() -> None:
    asked, decided = asyncio.Event(), asyncio.Event()
    person = Person()

    async def admit(_: Asked) -> Guest:
        asked.set()
        await decided.wait()
        return person

    async with listen_sockets(admit, "127.0.0.1", 0, TERMS) as port:
        async with asyncio.TaskGroup() as group:

            async def vanish() -> None:
                async with asyncio.timeout(30):
                    await asked.wait()
                coming.cancel()

            async def come() -> None:
                async with opening(port):
                    pass

            coming = group.create_task(come())
            group.create_task(vanish())
        decided.set()
        await eventually(person.gone)
    assert person.left == 1


async def test_the_end_waits_for_nobody() -> None:
    asked = asyncio.Event()

    async def admit(_: Asked) -> Guest:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    async def come(port: int) -> None:
        with pytest.raises((InvalidMessage, OSError)):
            async with opening(port):
                pass

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        async with listen_sockets(admit, "127.0.0.1", 0, Terms("spoken", open_seconds=1000)) as port:
            reader, silent = await asyncio.open_connection("127.0.0.1", port)
            group.create_task(come(port))
            await asked.wait()
        assert await reader.read() == b""
        silent.close()


async def test_nothing_is_sent_or_received_after_the_end() -> None:
    ended = asyncio.Event()
    failures: list[type[Exception]] = []

    async def talk(of: Socket) -> None:
        await of.close(1000)
        for verb in (of.receive, lambda: of.send("late")):
            try:
                await verb()
            except SocketClosed as error:
                failures.append(type(error))
        await of.close(1001)
        ended.set()

    async with listen_sockets(Person(talk).admit, "127.0.0.1", 0, TERMS) as port, opening(port) as client:
        await client.wait_closed()
        assert client.close_code == 1000
        async with asyncio.timeout(30):
            await ended.wait()
    assert failures == [SocketClosed, SocketClosed]
