"""What drains ask of names, and what their users are told when a receiver cannot be reached."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from services.logger.drains.kind import Away, Batch, Target, Terms
from services.logger.drains.kinds import https, syslog
from services.logger.drains.names import Names
from services.logger.drains.rendering import Layout
from services.logger.drains.way import Way
from tests.support.waiting import eventually

LAYOUT = Layout("d.1", "r", 1)


class Silent:
    """A name server that does not answer before `answer` is set."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.answer = threading.Event()
        self.asked: list[str] = []
        self._real = socket.getaddrinfo
        patch.setattr(socket, "getaddrinfo", self._look_up)

    def _look_up(self, host: str, *args: Any, **kwargs: Any) -> Any:
        if not str(host).startswith("silent") or kwargs.get("flags", 0) & socket.AI_NUMERICHOST:
            return self._real(host, *args, **kwargs)
        self.asked.append(host)
        self.answer.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


async def reach(url: str, terms: Terms, token: str = "d.1", app: str = "shop") -> None:
    target = Target(url, token, app)
    kind = https if url.startswith("http") else syslog
    async with kind.connect(target, LAYOUT, terms, lambda: None) as connection:
        if kind is https:
            await connection.send(Batch("id", ()))


async def fail(url: str, terms: Terms, token: str, app: str = "") -> None:
    with pytest.raises(Away):
        await reach(url, terms, token, app or f"app of {token}")


@pytest.mark.parametrize("scheme", ["syslog", "http"])
async def test_names_that_nobody_answers_for_hold_no_other_drain_up(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = Silent(monkeypatch)
    terms = Terms(Way(inward=True))
    hasty = Terms(Way(inward=True), names=terms.names, connect_seconds=0.05, stall_seconds=0.05)
    taken = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.set()
        writer.write(b"HTTP/1.1 204 \r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        for _ in range(2):
            async with asyncio.TaskGroup() as group:
                for n in range(40):
                    group.create_task(fail(f"{scheme}://silent{n}.example:514", hasty, f"d.{n}"))
        async with asyncio.timeout(10):
            await reach(f"{scheme}://localhost:{port}", terms, "d.healthy")
            await taken.wait()
        assert sorted(silent.asked) == sorted(f"silent{n}.example" for n in range(40))
    finally:
        silent.answer.set()
        server.close()
        await eventually(lambda: not terms.names._under_way)


async def test_an_apps_silent_names_take_its_own_share_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = Silent(monkeypatch)
    names = Names(threads=6, share=2)
    async with asyncio.TaskGroup() as group:
        waiting = [
            group.create_task(names.look_up(app, f"d.{app}.{n}", f"silent{app}{n}.example", 514))
            for app in ("a", "b")
            for n in range(10)
        ]
        await eventually(lambda: len(silent.asked) == 4)
        assert await names.look_up("c", "d.healthy", "localhost", 514)
        for one in waiting:
            one.cancel()
    silent.answer.set()
    await eventually(lambda: not names._under_way)
    assert len(silent.asked) == 4  # who went away while it waited for its turn asks nobody
    with pytest.raises(OSError, match="Temporary failure"):
        await names.look_up("a", "d.a.9", "silenta9.example", 514)


async def test_a_literal_address_takes_no_thread() -> None:
    terms = Terms(Way(inward=True))
    terms.names._threads.shutdown()
    assert [info[4] for info in await terms.names.look_up("shop", "d", "192.0.2.9", 514)] == [("192.0.2.9", 514)]
    assert [info[4][:2] for info in await terms.names.look_up("shop", "d", "2001:db8::1", 6514)] == [
        ("2001:db8::1", 6514)
    ]


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH secret-banner\r\n",
        b"HTTP/1.1 200 OK\r\nsecret-banner\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsecret-banner\r\n",
        b"HTTP/1.1 secret-banner\r\n\r\n",
        b"",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_an_error_has_nothing_of_what_the_peer_said_nor_the_urls_path(scheme: str, answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(Away) as caught:
        await reach(f"{scheme}://127.0.0.1:{port}/services/T0KEN?key=abc", Terms(Way(inward=True)))
    told = str(caught.value)
    assert told.startswith(f"127.0.0.1:{port} ")
    assert not any(word in told for word in ("secret", "SSH", "T0KEN", "abc", "http:", "https:"))
    server.close()


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"]
)
async def test_a_receiver_whose_answer_never_comes_for_all_that_it_says_is_left(answer: bytes) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while True:
                writer.write(answer * 1000)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(Away, match=rf"^127\.0\.0\.1:{port} says far more than an answer$"):
        await reach(f"http://127.0.0.1:{port}/", Terms(Way(inward=True)))
    server.close()


async def test_a_receiver_that_refuses_is_told_with_its_host_and_port() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        for scheme in ("http", "syslog"):
            with pytest.raises(Away, match=f"^127.0.0.1:{port} cannot be reached: Connection refused$"):
                await reach(f"{scheme}://127.0.0.1:{port}", Terms(Way(inward=True)))


async def test_a_user_that_basic_authentication_cannot_carry_is_told() -> None:
    target = Target("http://192.0.2.1", "d.1", user_info="acme%3Alogs:pw")
    with pytest.raises(Away, match="has a colon"):
        async with https.connect(target, LAYOUT, Terms(Way()), lambda: None):
            pass


@pytest.mark.parametrize("scheme", ["syslog", "http"])
async def test_a_receiver_is_reached_by_another_address_where_one_is_silent(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()
        writer.write(b"HTTP/1.1 204 \r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    real = socket.getaddrinfo

    def look_up(host: str, *args: Any, **kwargs: Any) -> Any:
        if host != "several.test" or kwargs.get("flags", 0) & socket.AI_NUMERICHOST:
            return real(host, *args, **kwargs)
        return [info for one in ("127.0.0.2", "127.0.0.1") for info in real(one, *args, **kwargs)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with ExitStack() as open_:
        silent = open_.enter_context(socket.socket())
        silent.bind(("127.0.0.2", port))
        silent.listen(0)
        for _ in range(4):  # whoever comes after them gets no answer
            waiting = open_.enter_context(socket.socket())
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(("127.0.0.2", port))
        await reach(f"{scheme}://several.test:{port}", Terms(Way(inward=True)))
        await eventually(reached.is_set)
    server.close()
