"""A light client: keep-alive connections that ask the same things over and over, flat out or on a schedule."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import cast

LENGTH = b"content-length: "


@dataclass
class Load:
    """What is asked (in turn), and what came of it. `next_` gives each connection its next request, None: it waits."""

    port: int
    requests: Sequence[bytes]
    took: list[float] = field(default_factory=list)  # seconds, of each answer
    failed: dict[bytes, int] = field(default_factory=dict)  # by status line
    _idle: list[_Connection] = field(default_factory=list)
    _due: deque[float] = field(default_factory=deque)  # when requests should have gone that no connection was free for

    async def closed(self, connections: int, seconds: float, *, least: int = 0) -> float:
        """Each connection asks again as soon as it is answered; returns how long that went, in seconds.

        It goes on until there are `least` answers, if that takes longer.
        """
        self._requests = cycle(self.requests)
        began = time.perf_counter()
        ends = began + seconds

        def again(one: _Connection) -> None:
            if (now := time.perf_counter()) < ends or len(self.took) < least:
                one.ask(next(self._requests), now)
            else:
                self._idle.append(one)

        async with asyncio.timeout(seconds + 60):
            opened = [await self._open(again) for _ in range(connections)]
            for one in opened:
                again(one)
            while len(self._idle) < connections:  # noqa: ASYNC110 - an event a request would cost what is measured
                await asyncio.sleep(0.01)
        took = time.perf_counter() - began
        self._close(opened)
        return took

    async def scheduled(self, connections: int, rate: float, seconds: float) -> None:
        """Requests go at their times whatever becomes of the others; what took counts from those times."""
        self._requests = cycle(self.requests)

        def again(one: _Connection) -> None:
            if self._due:
                one.ask(next(self._requests), self._due.popleft())
            else:
                self._idle.append(one)

        async with asyncio.timeout(seconds + 60):
            opened = [await self._open(again) for _ in range(connections)]
            self._idle.extend(opened)
            began, count = time.perf_counter(), int(rate * seconds)
            for number in range(count):
                at = began + number / rate
                if (ahead := at - time.perf_counter()) > 0:
                    await asyncio.sleep(ahead)
                self._due.append(at)
                if self._idle:
                    again(self._idle.pop())
            while len(self._idle) < connections:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
        self._close(opened)

    def answered(self, status: bytes, seconds: float) -> None:
        """One more."""
        self.took.append(seconds)
        if b" 200 " not in status:
            self.failed[status] = self.failed.get(status, 0) + 1

    async def _open(self, again: Callable[[_Connection], None]) -> _Connection:
        made: tuple[object, _Connection] = await asyncio.get_running_loop().create_connection(
            lambda: _Connection(self, again), "127.0.0.1", self.port
        )
        return made[1]

    def _close(self, opened: Sequence[_Connection]) -> None:
        for one in opened:
            one.transport.close()


class _Connection(asyncio.Protocol):
    """One request at a time; reads no more of an answer than where it ends."""

    def __init__(self, load: Load, again: Callable[[_Connection], None]) -> None:
        self._load, self._again = load, again
        self._read, self._left = b"", 0
        self._status = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods alone

    def ask(self, request: bytes, since: float) -> None:
        self._since = since
        self._read, self._left, self._status = b"", 0, b""
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._status:
            self._left -= len(data)
        else:
            self._read += data
            head, end, body = self._read.partition(b"\r\n\r\n")
            if not end:
                return
            self._status = head.partition(b"\r\n")[0]
            length = head.lower().partition(LENGTH)[2].partition(b"\r\n")[0]
            self._left = int(length) - len(body)
        if self._left <= 0:
            self._load.answered(self._status, time.perf_counter() - self._since)
            self._again(self)


def get(path: str, token: str) -> bytes:
    """A request as a v1 client sends it."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: deis.example.com\r\nUser-Agent: Deis Client v1.13.4\r\n"
        f"X-Deis-Version: 1\r\nAccept: application/json\r\nAuthorization: token {token}\r\n\r\n"
    ).encode()
