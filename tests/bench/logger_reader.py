"""A reader who follows an app's log as `deis logs -f` does, and counts what it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from libs.loglines.tail import Cursor, Event, Live, Missed, begin, event_of
from tests.bench.logger_process import LoggerProcess


@dataclass
class Heard:
    """What a reader was told of an app's lines: so many of them, and of so many more that it missed them."""

    app: str
    lines: int = 0
    missed: int = 0


@asynccontextmanager
async def tail(logger: LoggerProcess, app: str) -> AsyncIterator[Heard]:
    """One who follows an app from now on."""
    url, protocols = await logger.ticket(app)
    heard = Heard(app)
    asked = [Subprotocol(name) for name in protocols]
    async with connect(url, subprotocols=asked, compression=None, proxy=None, max_size=2**25) as connection:
        await connection.send(begin(0, {}, Cursor()))
        while not isinstance(_heard(await connection.recv(), heard), Live):
            pass
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_hear(connection, heard))
            try:
                yield heard
            finally:
                task.cancel()


async def _hear(connection: ClientConnection, heard: Heard) -> None:
    async for message in connection:
        _heard(message, heard)


def _heard(message: str | bytes, heard: Heard) -> Event | None:
    """Count what a message tells; what it says where it is no lines."""
    if isinstance(message, bytes):
        heard.lines += _lines_in(message)
        return None
    event = event_of(message)
    if isinstance(event, Missed):
        assert event.lines is not None, "without a filter, the logger knows how many"
        heard.missed += event.lines
    return event


def _lines_in(message: bytes) -> int:
    """As the parts' headers say; the blocks are not looked at, since the reader shares its core with the senders."""
    at = lines = 0
    while at < len(message):
        end = message.index(b"\n", at)
        header = json.loads(message[at:end])
        lines, at = lines + header["lines"], end + 1 + header["bytes"]
    return lines
