"""A TCP connection between a client and a server that a test can cut, freeze and mend."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.support.waiting import eventually


class TcpLine:
    """Forwards `endpoint` (`host:port`) to a server. `connections` counts those that were ever made."""

    def __init__(self, server: str) -> None:
        self._host, _, port = server.rpartition(":")
        self._port = int(port)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._cut = False
        self.open: set[asyncio.StreamWriter] = set()
        self.endpoint = ""
        self.connections = 0

    def cut(self) -> None:
        """Close every connection, and each new one."""
        self._cut = True
        for writer in self.open:
            writer.transport.abort()

    def freeze(self) -> None:
        """Connections stand, and carry nothing: as if a cable was pulled."""
        self._flowing.clear()

    def mend(self) -> None:
        """Carry on."""
        self._cut = False
        self._flowing.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its beginning to its end."""
        self.connections += 1
        try:
            there, onwards = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, onwards}
        self.open |= ends
        if self._cut:
            self.cut()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._carry(reader, onwards, ends))
            group.create_task(self._carry(there, writer, ends))
        self.open -= ends

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ends: set[asyncio.StreamWriter]
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        for end in ends:
            end.transport.abort()


@asynccontextmanager
async def tcp_line(server: str) -> AsyncIterator[TcpLine]:
    """A line to `host:port` while the body runs."""
    line = TcpLine(server)
    listener = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    host, port = listener.sockets[0].getsockname()
    line.endpoint = f"{host}:{port}"
    async with listener:
        try:
            yield line
        finally:
            line.mend()
            line.cut()
            await eventually(lambda: not line.open)
