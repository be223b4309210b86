"""`steady`: an app that does what it is told, well or badly. The standard library alone; its image is made from here.

`steady serve` speaks HTTP/1.1 with keep-alive and WebSocket (echo) on $PORT; `steady work` is a worker without a port.
Both take $BOOT seconds to come up, and end as a good app does on SIGTERM, unless IGNORE_TERM=1: no new connection,
requests in flight answered, WebSockets closed with 1001.

`/` and any other path      who answers: app, release, process and address
`/slow?seconds=5`           the same, so much later
`/ready` `/live` `/healthz` 200, or 503 while switched off: `/switch?ready=off`, `live=on` … ($OFF: off at the start)
`/hang` `/unhang`           from now on connections are accepted and nothing is answered; and again
`/exit?code=3`              ends at once, with words on its standard error
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import signal
import sys
from asyncio import StreamReader, StreamWriter
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
GOING_AWAY = 1001
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
UP = Path("/tmp/up")


class Steady:
    """The app's state and its answers."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._off = set(environment.get("OFF", "").split())
        self._answering = asyncio.Event()
        self._answering.set()
        self._ending = asyncio.Event()
        self._idle: set[StreamWriter] = set()  # between two requests
        self._busy = 0
        self._websockets: set[StreamWriter] = set()

    async def serve(self) -> None:
        """Listen after $BOOT seconds, until told to end."""
        await self._boot()
        port = int(self._environment.get("PORT", "5000"))
        server = await asyncio.start_server(self._connection, "0.0.0.0", port, backlog=1024)
        say(f"listening on port {port}")
        await self._ending.wait()
        server.close()
        for writer in self._idle:
            writer.close()
        for writer in self._websockets:
            writer.write(frame(CLOSE, GOING_AWAY.to_bytes(2, "big")))
        while self._busy or self._websockets:  # noqa: ASYNC110 - plain, and it ends
            await asyncio.sleep(0.01)
        say("ended")

    async def work(self) -> None:
        """Be up after $BOOT seconds, until told to end; `/tmp/up` tells it to an exec probe."""
        await self._boot()
        UP.touch()  # noqa: ASYNC240 - one file in memory
        say("working")
        await self._ending.wait()
        say("ended")

    async def _boot(self) -> None:
        if self._environment.get("IGNORE_TERM") == "1":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        else:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._end)
        await asyncio.sleep(float(self._environment.get("BOOT", "0")))

    def _end(self) -> None:
        say("told to end")
        self._ending.set()

    async def _connection(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            while not self._ending.is_set():
                self._idle.add(writer)
                try:
                    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                finally:
                    self._idle.discard(writer)
                self._busy += 1
                try:
                    kept = await self._request(head, writer)
                finally:
                    self._busy -= 1
                if "upgrade: websocket" in head.lower():
                    await self._echo(reader, writer)
                    return
                if not kept:
                    return
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    async def _request(self, head: str, writer: StreamWriter) -> bool:
        """Answer one request; whether its connection is kept."""
        line, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
        target = urlsplit(line.split(" ")[1])
        query = dict(parse_qsl(target.query))
        if target.path == "/unhang":
            self._answering.set()
        await self._answering.wait()
        me = {
            "app": self._environment.get("DEIS_APP", ""),
            "release": self._environment.get("DEIS_RELEASE", ""),
            "process": self._environment.get("DEIS_PROCESS", ""),
            "address": writer.get_extra_info("sockname")[0],
            "greeting": self._environment.get("GREETING", ""),
        }
        if headers.get("upgrade", "").lower() == "websocket":
            key = base64.b64encode(hashlib.sha1(headers["sec-websocket-key"].encode() + WEBSOCKET_GUID).digest())
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: "
                + key
                + f"\r\nX-Release: {me['release']}\r\nX-Address: {me['address']}".encode()
                + b"\r\n\r\n"
            )
            self._websockets.add(writer)
            return True
        status = await self._status(target.path, query)
        body = json.dumps(me).encode()
        kept = headers.get("connection", "").lower() != "close" and not self._ending.is_set()
        writer.write(
            f"HTTP/1.1 {status} {'OK' if status == 200 else 'Off'}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: {'keep-alive' if kept else 'close'}\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        return kept

    async def _status(self, path: str, query: dict[str, str]) -> int:
        match path:
            case "/slow":
                await asyncio.sleep(float(query.get("seconds", "5")))
            case "/ready" | "/live" | "/healthz":
                return 503 if path[1:] in self._off else 200
            case "/switch":
                for name, value in query.items():
                    (self._off.discard if value == "on" else self._off.add)(name)
            case "/hang":
                asyncio.get_running_loop().call_later(0.05, self._answering.clear)
            case "/exit":
                say("told to exit: no database is configured")
                os._exit(int(query.get("code", "3")))
        return 200

    async def _echo(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Send back what comes, until one side closes."""
        try:
            while True:
                opcode, payload = await read_frame(reader)
                await self._answering.wait()
                if opcode == CLOSE:
                    if not self._ending.is_set():
                        writer.write(frame(CLOSE, payload))
                    return
                writer.write(frame(PONG if opcode == PING else TEXT, payload))
                await writer.drain()
        finally:
            self._websockets.discard(writer)


def say(words: str) -> None:
    """A line of its log."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


async def read_frame(reader: StreamReader) -> tuple[int, bytes]:
    """One frame's opcode and payload (RFC 6455, 5.2), unmasked; short ones, as the tests send them."""
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    if length == 126:
        length = int.from_bytes(await reader.readexactly(2), "big")
    mask = await reader.readexactly(4) if second & 0x80 else bytes(4)
    payload = await reader.readexactly(length)
    return first & 0x0F, bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def frame(opcode: int, payload: bytes, mask: bytes = b"") -> bytes:
    """One frame of at most 125 bytes; a client's is masked."""
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload)) if mask else payload
    return bytes((0x80 | opcode, (0x80 if mask else 0) | len(payload))) + mask + masked


def main() -> None:
    """Serve or work, as the first argument says."""
    if os.environ.get("EXIT"):
        sys.exit("steady: no database is configured")
    app = Steady(dict(os.environ))
    asyncio.run(app.work() if sys.argv[1:] == ["work"] else app.serve())


if __name__ == "__main__":
    main()
