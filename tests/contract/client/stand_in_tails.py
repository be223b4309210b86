"""A logger's tails in few lines, for the client's tests: `proto/log-tail.md` over aiohttp's WebSockets, as scripted."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from libs.loglines.line import Kind, encode

PROTOCOL = "deis.logs.v1"
SECOND = 1_000_000_000
BEGAN = 1767323045 * SECOND  # 2026-01-02T03:04:05Z
PATH = "/logs/l1/tail"

Said = tuple[int, str]  # ns since `BEGAN`, and the text


def part(  # noqa: PLR0917 - a part's header
    instance: str,
    said: Iterable[tuple[int, bytes | str]],
    next_: int = 0,
    process: str = "web.1",
    release: int = 4,
    kind: Kind = Kind.OUT,
) -> bytes:
    """One part of a binary message: lines of an instance."""
    lines = [(BEGAN + at, text if isinstance(text, bytes) else text.encode()) for at, text in said]
    block = b"".join(encode(at, kind, text) for at, text in lines)
    last = lines[-1][0] if lines else 0
    nth = sum(at == last for at, _ in lines)
    header = {"process": process, "instance": instance, "release": release, "lines": len(lines), "bytes": len(block)}
    return json.dumps({**header, "next": next_, "at": last, "nth": nth}).encode() + b"\n" + block


@dataclass
class Talk:
    """One connection, as the logger has it."""

    socket: web.WebSocketResponse
    request: web.Request
    begin: dict[str, Any]

    async def say(self, type_: str, **fields: Any) -> None:
        await self.socket.send_str(json.dumps({"type": type_, **fields}))

    async def ready(self, boot: str = "b1") -> None:
        await self.say("ready", app="paper", logger="l1", boot=boot)

    async def lines(self, *parts: bytes) -> None:
        await self.socket.send_bytes(b"".join(parts))

    async def end(self, reason: str, detail: str = "", code: int = 1012) -> None:
        await self.say("end", reason=reason, detail=detail)
        await self.socket.close(code=code)

    def drop(self) -> None:
        """Break off, as a network does."""
        assert self.request.transport is not None
        self.request.transport.abort()


Script = Callable[[Talk], Awaitable[None]]


async def three_lines(talk: Talk) -> None:
    """What a tail tells that nobody scripted; it ends by the reader's doing."""
    count = min(talk.begin["lines"], 3)
    await talk.ready()
    await talk.lines(part("i1", [(0, f"line {number}") for number in range(3)][3 - count :], 3, "cmd.1", 2))
    await talk.say("live")
    await talk.socket.receive()


@dataclass
class Tails:
    """The scripts of the connections to come; the last one goes on for all further ones."""

    scripts: list[Script] = field(default_factory=lambda: [three_lines])
    refusals: list[web.Response] = field(default_factory=list)  # in place of the next connections
    issued: list[str] = field(default_factory=list)
    unused: set[str] = field(default_factory=set)
    begun: list[dict[str, Any]] = field(default_factory=list)

    def issue(self) -> web.Response:
        ticket = f"{len(self.issued):043}"
        self.issued.append(ticket)
        self.unused.add(ticket)
        url = f"ws://a.host.that.is.not.asked.invalid:1{PATH}"
        body = {"url": url, "ticket": ticket, "protocol": PROTOCOL, "expires": "2026-01-02T03:04:35UTC"}
        return web.json_response(body, status=201)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        offered = [one.strip() for one in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        ticket = next((one.removeprefix("deis.ticket.") for one in offered if one.startswith("deis.ticket.")), "")
        if self.refusals:
            return self.refusals.pop(0)
        if offered[0] != PROTOCOL or ticket not in self.unused:
            return web.Response(status=401)
        self.unused.remove(ticket)
        socket = web.WebSocketResponse(protocols=[PROTOCOL], compress=False)
        await socket.prepare(request)
        begin = await socket.receive_json()
        self.begun.append(begin)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        await script(Talk(socket, request, begin))
        await socket.close()
        return socket


@dataclass
class Drains:
    """The drains of one app, or of the platform."""

    drains: list[dict[str, Any]] = field(default_factory=list)

    def add(self, app: str, body: dict[str, Any]) -> dict[str, Any]:
        number = len(self.drains) + 1
        drain = {
            "id": f"d{number}",
            "app": app,
            "owner": "ada",
            "url": body["url"],
            "token": f"d.00000000-0000-4000-8000-00000000000{number}",
            "select": body.get("select", {}),
            "created": "2026-01-02T03:04:05UTC",
            "client_certificate": "client_certificate" in body,
            "state": None,
        }
        self.drains.append(drain)
        return drain

    def answer(self, method: str, app: str, rest: list[str], body: Any) -> tuple[int, Any]:
        """The status and the body of an answer; a list stands for a page of it."""
        match method, rest:
            case "GET", []:
                return 200, self.drains
            case "POST", []:
                return 201, self.add(app, body)
        found = [drain for drain in self.drains if [drain["id"]] == rest]
        if not found:
            return 404, {"detail": "Not found."}
        if method == "DELETE":
            self.drains.remove(found[0])
            return 204, None
        return 200, found[0]
