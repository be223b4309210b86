"""Clients that forgive nothing: HTTP/1.1 with keep-alive over a plain socket, without a retry of their own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Answer:
    """What came back."""

    status: int
    body: str
    closes: bool  # the router announced the end of the connection


class Client:
    """One keep-alive connection at a time to the router's port."""

    def __init__(self, port: int, host: str) -> None:
        self._port = port
        self._host = host
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str = "/", method: str = "GET", **headers: str) -> Answer:
        """One request; whatever goes wrong raises."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}", "Content-Length: 0"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        async with asyncio.timeout(30):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            fields = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head.split("\r\n")[1:])}
            body = await reader.readexactly(int(fields.get("content-length", "0")))
        answer = Answer(int(head.split(" ")[1]), body.decode(), fields.get("connection", "").lower() == "close")
        if answer.closes:
            self.close()
        return answer

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def fetch(port: int, host: str, path: str = "/", method: str = "GET", **headers: str) -> Answer:
    """One request on a connection of its own."""
    client = Client(port, host)
    try:
        return await client.ask(path, method, **headers)
    finally:
        client.close()


@asynccontextmanager
async def websocket(
    port: int, host: str, path: str = "/chat", **headers: str
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A WebSocket, past its handshake; its bytes are echoed."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n".encode()
        )
        async with asyncio.timeout(30):
            head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        yield reader, writer
    finally:
        writer.close()


async def echo(stream: tuple[asyncio.StreamReader, asyncio.StreamWriter], word: bytes) -> bytes:
    """What comes back of a word."""
    stream[1].write(word)
    async with asyncio.timeout(30):
        return await stream[0].readexactly(len(word))


@dataclass
class Load:
    """What a number of clients that ask without a pause got."""

    answered: int = 0
    by_name: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, answer: Answer | None, failure: str = "") -> None:
        if answer is not None and answer.status == 200:
            self.answered += 1
            self.by_name[answer.body] += 1
        else:
            self.failures.append(failure or f"{answer}")
        self._moved.set()

    async def more(self, count: int) -> None:
        """Wait until so many more requests were answered or failed."""
        wanted = self.answered + len(self.failures) + count
        async with asyncio.timeout(90):
            while self.answered + len(self.failures) < wanted:
                self._moved.clear()
                await self._moved.wait()


@asynccontextmanager
async def load(port: int, host: str, *, clients: int = 8, method: str = "GET") -> AsyncIterator[Load]:
    """Keep-alive clients under full speed while the body runs."""
    seen = Load()

    async def run() -> None:
        client = Client(port, host)
        try:
            while True:
                try:
                    seen.note(await client.ask(method=method))
                except (OSError, EOFError, TimeoutError) as error:
                    client.close()
                    seen.note(None, repr(error))
        finally:
            client.close()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run()) for _ in range(clients)]
        try:
            await seen.more(clients)
            yield seen
            await seen.more(clients)
        finally:
            for task in tasks:
                task.cancel()
