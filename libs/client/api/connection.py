"""One controller and how to ask it: requests out, answers or clear errors back."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError
from yarl import URL

from libs.client.api.controller import controller_host, controller_url
from libs.client.api.errors import (
    AnswerOverdue,
    ConnectionBroken,
    ControllerUnreachable,
    NotAController,
    NotAuthenticated,
    Refused,
    refusal,
)
from libs.client.api.failures import explain, start_it
from libs.client.api.resolver import LoopbackResolver

API_VERSION = "DEIS_API_VERSION"  # a header of every answer of a controller
SPOKEN = "1.7"  # the API that this client speaks
JSON, NDJSON = "application/json", "application/x-ndjson"
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 30.0
SILENCE_SECONDS = 60.0  # of an answer that goes on; the controller says something every 15
RESTART_SECONDS = 15.0  # how long a read bears with a controller that says it will be back
LONGEST_PAUSE_SECONDS = 5.0
KEEPALIVE_SECONDS = 30  # a deploy has no deadline here, so a dead peer must be noticed by TCP

Shape = TypeVar("Shape", bound=BaseModel)


@dataclass(frozen=True)
class Reply:
    """An answer that is no error."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text; bytes that are no UTF-8 are shown as replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON; `NotAController` if it is none."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise NotAController(self.url, f"it answers with {self.text[:60]!r} in place of JSON") from error

    def read(self, shape: type[Shape]) -> Shape:
        """The body as a record; `NotAController` if it does not fit."""
        try:
            return shape.model_validate(self.json())
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the whole"
            raise NotAController(self.url, f"its answer is not as expected ({where}: {first['msg']})") from error


class Connection:
    """Asks one controller, in one user's name where a token is given.

    Reads are tried again for `RESTART_SECONDS` while the controller answers 503 with Retry-After; no POST is ever
    sent twice. An answer may take `seconds`, except where a call is patient.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        token: str | None = None,
        *,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        self.session, self.seconds = session, seconds
        self.url = controller_url(url)
        self.token = token
        self.other_version = ""  # of the API, where the controller's answers name another than `SPOKEN`

    @property
    def host(self) -> str:
        """The controller's host name."""
        return controller_host(self.url)

    def with_token(self, token: str | None) -> Connection:
        """The same controller, asked in another's name."""
        return Connection(self.session, self.url, token, seconds=self.seconds)

    async def get(self, path: str, **parameters: str | int) -> Reply:
        """Read. Errors: `Refused` and its kinds, `ControllerUnreachable`, `ConnectionBroken`, `NotAController`."""
        query = {name: str(value) for name, value in parameters.items()}
        loop = asyncio.get_running_loop()
        until = loop.time() + RESTART_SECONDS
        while True:
            status, reason, reply = await self._ask("GET", path, query=query, seconds=self.seconds)
            pause = _pause(status, reply.headers)
            if pause is None or loop.time() + pause > until:
                return self._checked(path, status, reason, reply)
            await asyncio.sleep(pause)

    async def lines(self, path: str) -> AsyncGenerator[Reply]:
        """Read an answer that goes on, line by line (NDJSON); ends where it does. Errors: as `get`.

        Empty lines only show that the controller is there.
        """
        async with AsyncExitStack() as stack:
            async with self._in_time(f"GET {path}", self.seconds):
                response = await stack.enter_async_context(self._opened("GET", path, accept=f"{NDJSON}, {JSON}"))
                if response.status != 200:
                    reply = Reply(self.url, response.status, response.headers, await response.read())
                    self._checked(path, response.status, response.reason or "", reply)
            async with aclosing(self._lines_of(response, f"GET {path}")) as lines:
                async for line in lines:
                    yield line

    async def _lines_of(self, response: aiohttp.ClientResponse, request: str) -> AsyncGenerator[Reply]:
        """The lines of an answer that goes on, without the empty ones. Errors: `ConnectionBroken` and its kinds."""
        begun, piece = b"", b"\n"
        while piece:
            async with self._in_time(request, SILENCE_SECONDS):
                try:
                    piece = await response.content.readany()
                except aiohttp.ClientError as error:
                    changing = not request.startswith("GET ")
                    raise explain(error, self.url, host=self.host, changing=changing) from error
            *whole, begun = (begun + (piece or b"\n")).split(b"\n")
            for line in whole:
                if line.strip():
                    yield Reply(self.url, response.status, response.headers, line)

    async def post(self, path: str, body: Mapping[str, Any] | None = None, *, patient: bool = False) -> Reply:
        """Write. `patient` waits as long as the controller works on it, as a deploy needs. Errors: as `get`."""
        seconds, asked = None if patient else self.seconds, dict(body or {})
        status, reason, reply = await self._ask("POST", path, body=asked, seconds=seconds)
        return self._checked(path, status, reason, reply, asked, changing=True)

    async def delete(self, path: str, body: dict[str, Any] | None = None, *, patient: bool = False) -> Reply:
        """Remove. Errors and `patient`: as `post`."""
        status, reason, reply = await self._ask("DELETE", path, body=body, seconds=None if patient else self.seconds)
        return self._checked(path, status, reason, reply, body, changing=True)

    async def greet(self) -> None:
        """Make sure that a Deis controller answers: it is the one that says 401 to a stranger at `/v1/`.

        Errors: as `get`.
        """
        try:
            reply = await self.with_token(None).get("/v1/")
        except NotAuthenticated:
            return
        except Refused as error:
            if error.status >= 500:
                raise
            why = f"it answers {error.status} {error.reason} where a controller answers 401"
            raise NotAController(self.url, why) from error
        raise NotAController(self.url, f"it answers {reply.status} where a controller answers 401")

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        seconds: float | None,
        query: Mapping[str, str] | None = None,
        body: dict[str, Any] | None = None,
    ) -> tuple[int, str, Reply]:
        async with (
            self._in_time(f"{method} {path}", seconds),
            self._opened(method, path, params=query or None, json=body) as response,
        ):
            content = await response.read()
        reply = Reply(self.url, response.status, response.headers, content)
        return response.status, response.reason or "", reply

    @asynccontextmanager
    async def _in_time(self, request: str, seconds: float | None) -> AsyncIterator[None]:
        """Raise `AnswerOverdue` where the body takes longer; None is as long as it takes."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            changed = not request.startswith("GET ")
            raise AnswerOverdue(self.url, request, seconds or 0, changed=changed) from error

    @asynccontextmanager
    async def _opened(
        self, method: str, path: str, *, accept: str = JSON, **more: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer whose body may still be on its way; what goes wrong meanwhile is raised in the client's words."""
        url = URL(f"{self.url}{path}", encoded=True)
        headers = {"Accept": accept, **({"Authorization": f"token {self.token}"} if self.token else {})}
        try:
            async with self.session.request(method, url, headers=headers, allow_redirects=False, **more) as response:
                yield response
        except aiohttp.ClientError as error:
            raise explain(error, self.url, host=self.host, changing=method != "GET") from error

    def _checked(  # noqa: PLR0913 - an answer, and what was asked
        self,
        path: str,
        status: int,
        reason: str,
        reply: Reply,
        asked: Mapping[str, object] | None = None,
        *,
        changing: bool = False,
    ) -> Reply:
        spoken = reply.headers.get(API_VERSION, SPOKEN)
        self.other_version = spoken if spoken != SPOKEN else self.other_version
        if 200 <= status < 300:
            return reply
        if 300 <= status < 400:
            place = reply.headers.get("Location", "another place")
            raise NotAController(self.url, f"it redirects to {place}: log in there if that is your controller")
        if API_VERSION not in reply.headers and status in {404, 502, 503, 504}:  # a router's, not a controller's
            if changing and status in {502, 504}:  # it passed the request on and got no answer (RFC 9110 §15.6)
                raise ConnectionBroken(self.url, f"the router says {status} {reason}", changed=True)
            raise ControllerUnreachable(self.url, f"what answers there says {status} {reason}", start_it(self.host))
        raise refusal(status, reason, path, _decoded(reply), asked, reply.headers)


def _decoded(reply: Reply) -> object:
    try:
        return json.loads(reply.body)
    except ValueError:
        return reply.text


def _pause(status: int, headers: Mapping[str, str]) -> float | None:
    """How many seconds the controller asks a reader to wait; None if it does not ask (RFC 9110, section 10.2.3)."""
    wanted = headers.get("Retry-After", "")
    if status != 503 or not wanted.isdecimal():
        return None
    return min(float(wanted), LONGEST_PAUSE_SECONDS)


def _socket(address: tuple[Any, ...]) -> socket.socket:
    """A socket whose dead peer is noticed within about two minutes."""
    family, kind, protocol, *_ = address
    sock = socket.socket(family, kind, protocol)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL"):
        if option := getattr(socket, name, None):  # not every system has them
            sock.setsockopt(socket.IPPROTO_TCP, option, KEEPALIVE_SECONDS)
    return sock


@asynccontextmanager
async def connect(
    url: str,
    *,
    token: str | None = None,
    ssl_verify: bool = True,
    agent: str = "deis",
    seconds: float = ANSWER_SECONDS,
) -> AsyncIterator[Connection]:
    """A connection to the controller at `url`, each answer of which may take `seconds`.

    `InvalidController` if that is no URL.
    """
    controller = controller_url(url)
    connector = aiohttp.TCPConnector(ssl=ssl_verify, resolver=LoopbackResolver(), socket_factory=_socket)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, connect=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers={"User-Agent": agent}) as session:
        yield Connection(session, controller, token, seconds=seconds)
