"""The crowd tells every way in which an app or its router can fail a user; and `steady` ends as a good app does."""

from __future__ import annotations

import asyncio
import signal
import socket
import struct
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.support.crowd.party import Party
from tests.support.crowd.seen import Users, crowd
from tests.support.ports import free_port
from tests.support.steady import PROGRAM
from tests.support.waiting import eventually

Behaviour = Callable[[StreamReader, StreamWriter], Awaitable[None]]
REQUESTS = Party("app", "app.localhost", keeping=2, fresh=1, websockets=0, patience=0.5)


async def resets(reader: StreamReader, writer: StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    at_once = struct.pack("ii", 1, 0)  # SO_LINGER of no seconds: the kernel sends RST
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    writer.transport.abort()


async def closes(reader: StreamReader, writer: StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def refuses(reader: StreamReader, writer: StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 503 Asleep\r\nContent-Length: 0\r\n\r\n")
    writer.close()


async def hangs(reader: StreamReader, writer: StreamWriter) -> None:
    await reader.read()
    writer.close()


async def breaks_off(reader: StreamReader, writer: StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"release":')
    writer.close()


@pytest.mark.parametrize(
    ("behaviour", "what"),
    [(resets, "reset"), (closes, "closed"), (refuses, "status"), (hangs, "timeout"), (breaks_off, "closed")],
    ids=["reset", "closed", "refused by status", "hung", "broken off"],
)
async def test_a_failed_request_is_told_with_its_kind(behaviour: Behaviour, what: str) -> None:
    server = await asyncio.start_server(behaviour, "127.0.0.1", 0)
    async with server, crowd(server.sockets[0].getsockname()[1], REQUESTS) as users:
        await users["app"].more(10)
    assert {failure.what for failure in users["app"].failures} == {what}
    assert users["app"].answered == 0


async def test_a_port_that_nobody_listens_on_is_told() -> None:
    async with crowd(free_port(), REQUESTS) as users:
        await users["app"].more(10)
    assert {failure.what for failure in users["app"].failures} == {"refused"}


@asynccontextmanager
async def steady(**environment: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """The app on a free port, as its container runs it."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(PROGRAM), "serve"),
        env={"PORT": str(port), "DEIS_RELEASE": "v1", **environment},
        stdout=asyncio.subprocess.DEVNULL,
    )

    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    try:
        await eventually(listens, what="the app listens")
        yield process, port
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def stopped(users: Users, process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    await users.more(20)
    process.send_signal(number)
    await process.wait()


TALKING = Party("app", "app.localhost", keeping=2, fresh=1, websockets=3, every=0.02, patience=5)


async def test_an_app_that_is_told_to_end_answers_what_it_has_and_closes_websockets_with_1001() -> None:
    async with steady() as (process, port):
        slow = Party("slow", "app.localhost", path="/slow?seconds=1", keeping=2, fresh=0, per_second=0.5, websockets=0)
        async with crowd(port, TALKING, slow) as users:
            await stopped(users["app"], process, signal.SIGTERM)
            await eventually(lambda: len(users["app"].closings) == 3, what="three WebSockets closed")
    assert process.returncode == 0
    assert {(closing.what, closing.code) for closing in users["app"].closings} == {("closed", 1001)}
    assert {closing.where for closing in users["app"].closings} == {"127.0.0.1"}
    assert users["slow"].answers_of("v1") >= 2
    assert {failure.what for failure in users["slow"].failures} <= {"refused"}


async def test_an_app_that_is_killed_is_told_by_its_websockets_without_a_code() -> None:
    async with steady() as (process, port), crowd(port, TALKING) as users:
        await stopped(users["app"], process, signal.SIGKILL)
        await eventually(lambda: len(users["app"].closings) == 3, what="three WebSockets ended")
    assert {closing.code for closing in users["app"].closings} == {None}


async def test_users_count_their_answers_by_release_and_place() -> None:
    async with steady() as (_, port), crowd(port, TALKING) as users:
        await users["app"].answered_by("v1", more=10)
        await users["app"].answered_by("@127.0.0.1", more=10)
    assert users["app"].failures == []
    assert users["app"].echoes > 0
    assert users["app"].answers_of("v1") == users["app"].answers_of("@127.0.0.1") == users["app"].answered
