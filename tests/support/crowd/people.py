"""Clients over plain sockets, without a retry of their own: every failure is told."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import Callable

from tests.support.crowd.party import Party, Report
from tests.support.steady.program import CLOSE, TEXT, frame, read_frame

AGAIN = 0.2  # seconds before a client that could not connect tries once more


class Failure(Exception):
    """What a user saw: `what` is its kind."""

    def __init__(self, what: str, detail: str) -> None:
        super().__init__(f"{what}: {detail}")
        self.what = what
        self.detail = detail


class People:
    """One party's clients; `tell` gets what happens, `count` what went well since it was last asked."""

    def __init__(self, party: Party, port: int, tell: Callable[[Report], None], over: asyncio.Event) -> None:
        self._party = party
        self._port = port
        self._tell = tell
        self._over = over
        self._well: Counter[str] = Counter()
        self._slowest = 0.0
        self._echoes = 0
        self._open = 0
        self._request = f"GET {party.path} HTTP/1.1\r\nHost: {party.host}\r\n"

    def join(self, group: asyncio.TaskGroup) -> None:
        """Have all of them begin."""
        for number in range(self._party.keeping):
            group.create_task(self._keep_asking(f"keeping {number}", kept=True))
        for number in range(self._party.fresh):
            group.create_task(self._keep_asking(f"fresh {number}", kept=False))
        for number in range(self._party.websockets):
            group.create_task(self._keep_talking(f"websocket {number}"))

    def count(self) -> Report:
        """What went well since the last count."""
        report = Report(
            "answered",
            self._party.app,
            time.time(),
            well=dict(self._well),
            slowest=round(self._slowest, 3),
            echoes=self._echoes,
            open=self._open,
        )
        self._well.clear()
        self._slowest, self._echoes = 0.0, 0
        return report

    async def _keep_asking(self, who: str, *, kept: bool) -> None:
        pause = 1 / self._party.per_second
        where, streams = "", None
        await asyncio.sleep(random.uniform(0, pause))
        due = time.monotonic()
        while not self._over.is_set():
            began = time.monotonic()
            try:
                if streams is not None and streams[0].at_eof():
                    streams[1].close()
                    streams = None  # the router ended an idle connection, and the client saw it in time
                if streams is None:
                    streams = await self._connect()
                async with asyncio.timeout(self._party.patience):
                    where, closes = await self._ask(*streams, kept=kept)
            except (Failure, TimeoutError, OSError) as error:
                self._tell(self._failed(who, error, where, since=began))
                closes = True
            else:
                self._well[where] += 1
                self._slowest = max(self._slowest, time.monotonic() - began)
            if closes and streams is not None:
                streams[1].close()
                streams = None
            due = max(due + pause, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
        if streams is not None:
            streams[1].close()

    async def _connect(self) -> tuple[StreamReader, StreamWriter]:
        try:
            async with asyncio.timeout(self._party.patience):
                return await asyncio.open_connection("127.0.0.1", self._port)
        except TimeoutError:
            raise Failure("timeout", "no connection") from None
        except OSError as error:
            raise Failure("refused", str(error)) from error

    async def _ask(self, reader: StreamReader, writer: StreamWriter, *, kept: bool) -> tuple[str, bool]:
        """One request: `release@address`, and whether the connection ends."""
        writer.write(self._head(kept))
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = int(head.partition("content-length:")[2].split("\r\n")[0] or 0)
            body = await reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise Failure("closed", f"after {len(error.partial)} bytes") from error
        status = int(head.split(" ")[1])
        if status != 200:
            raise Failure("status", f"{status} {body[-120:]!r}")
        me = json.loads(body)
        return f"{me['release']}@{me['address']}", not kept or "connection: close" in head

    def _head(self, kept: bool) -> bytes:
        return f"{self._request}Connection: {'keep-alive' if kept else 'close'}\r\n\r\n".encode()

    async def _keep_talking(self, who: str) -> None:
        await asyncio.sleep(random.uniform(0, self._party.every * 5))
        while not self._over.is_set():
            since, where = time.time(), ""
            try:
                streams = await self._connect()
                try:
                    async with asyncio.timeout(self._party.patience):
                        where = await self._shake_hands(*streams)
                    since = time.time()
                    self._open += 1
                    try:
                        code = await self._talk(*streams)
                    finally:
                        self._open -= 1
                finally:
                    streams[1].close()
            except (Failure, TimeoutError) as error:
                self._tell(self._failed(who, error, where, since=since))
                await asyncio.sleep(AGAIN)
            except OSError as error:
                self._tell(self._closed(who, where, since, None, str(error)))
            else:
                if not self._over.is_set():
                    self._tell(self._closed(who, where, since, code, ""))

    async def _shake_hands(self, reader: StreamReader, writer: StreamWriter) -> str:
        writer.write(
            f"GET /chat HTTP/1.1\r\nHost: {self._party.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except (EOFError, OSError) as error:
            raise Failure("closed", f"in the handshake: {error!r}") from error
        if not head.startswith("HTTP/1.1 101 "):
            raise Failure("status", f"{head[9:12]} to a handshake")
        told = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        return f"{told['x-release']}@{told['x-address']}"

    async def _talk(self, reader: StreamReader, writer: StreamWriter) -> int | None:
        """Words and echoes until one side closes; the other's close code."""
        sent = 0
        while not self._over.is_set():
            sent += 1
            writer.write(frame(TEXT, str(sent).encode(), os.urandom(4)))
            try:
                async with asyncio.timeout(self._party.patience):
                    opcode, payload = await read_frame(reader)
            except asyncio.IncompleteReadError:
                return None
            if opcode == CLOSE:
                writer.write(frame(CLOSE, payload, os.urandom(4)))
                return int.from_bytes(payload[:2], "big")
            if payload != str(sent).encode():
                raise Failure("echo", f"{payload!r} to {sent}")
            self._echoes += 1
            await asyncio.sleep(self._party.every)
        writer.write(frame(CLOSE, (1000).to_bytes(2, "big"), os.urandom(4)))
        return None

    def _failed(self, who: str, error: Exception, where: str, *, since: float) -> Report:
        match error:
            case Failure():
                what, detail = error.what, error.detail
            case TimeoutError():
                what, detail = "timeout", f"no answer within {self._party.patience:g} s"
            case _:
                what, detail = "reset", str(error)
        release, _, address = where.partition("@")
        app, at = self._party.app, time.time()
        return Report("failed", app, at, who, what, detail, where=address, release=release, since=since)

    def _closed(self, who: str, where: str, since: float, code: int | None, detail: str) -> Report:
        release, _, address = where.partition("@")
        what = "reset" if code is None else "closed"
        app, at = self._party.app, time.time()
        return Report("closed", app, at, who, what, detail, where=address, release=release, code=code, since=since)
