"""Instances as the router sees them: real servers on the loopback, that count, wait, echo and die."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


class Backend:
    """A small HTTP/1.1 server that answers with its name, or on `/head` with the request's head.

    `/slow` is answered when `release` is set; `/die` closes without an answer; `/wrong` is answered 500; an upgraded
    connection echoes. While `answers` is not set it hangs: it accepts connections and answers nothing.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.address = "127.0.0.1"
        self.port = 0
        self.requests = 0
        self.sockets = 0
        self.died = 0
        self.waiting = 0
        self.release = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()
        self._connections: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.address, self.port, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]

    async def kill(self) -> None:
        """As SIGKILL: no more listening, every connection reset."""
        server, self._server = self._server, None
        if server is not None:
            for sock in server.sockets:
                asyncio.get_running_loop().remove_reader(sock.fileno())
            for _ in range(5):  # turns of the loop, in which a connection that was just accepted reaches its handler
                await asyncio.sleep(0)
            server.close()
            for writer in list(self._connections):
                writer.transport.abort()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests += 1
                await self.answers.wait()
                if b"upgrade: websocket" in head.lower():
                    self.sockets += 1
                    await self._echo(head, reader, writer)
                    return
                path = head.split(b" ", 2)[1]
                body = self.name.encode()
                if path == b"/slow":
                    self.waiting += 1
                    await self.release.wait()
                elif path == b"/die":
                    self.died += 1
                    return
                elif path == b"/head":
                    body = head
                status = b"500 Wrong" if path == b"/wrong" else b"200 OK"
                writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._connections.discard(writer)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _echo(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fields = {k.lower(): v.strip() for k, _, v in (line.partition(b":") for line in head.split(b"\r\n"))}
        accept = base64.b64encode(hashlib.sha1(fields[b"sec-websocket-key"] + GUID).digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %s\r\n\r\n" % accept
        )
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def backends(*names: str) -> AsyncIterator[list[Backend]]:
    """Running servers of these names."""
    started = [Backend(name) for name in names]
    for backend in started:
        await backend.start()
    try:
        yield started
    finally:
        for backend in started:
            backend.release.set()
            backend.answers.set()
            await backend.kill()
