"""The line to one Docker Engine: requests with a deadline, and its failures told apart.

aiodocker is used for its transport alone: its event stream ends without a word, its queues have no bound, and its log
reader swallows broken connections.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

import aiohttp
from aiodocker import Docker, DockerError

from libs.engine.errors import EngineUnavailable

ANSWER_SECONDS = 20.0  # for a request that changes nothing, or little
LONGEST_LINE = 1 << 20  # bytes of one JSON value in a stream

NO_CONNECTION = 900  # aiodocker's own status

# What an engine says that is going down, or whose containerd is away: nothing about the instance that was asked for.
DYING = (
    "context canceled",
    "connection error",
    "transport is closing",
    "ttrpc: closed",
    "shutting down",
    "error while dialing",
    "code = unavailable",
    ": unavailable",
    "server is not running",
    "deadline exceeded",
)


class Refusal(Exception):
    """The engine answered, and said no: an HTTP status and its own words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(f"{words} ({status})")
        self.status = status
        self.words = words


class NoAnswer(EngineUnavailable):
    """The deadline passed."""


class Wire:
    """Requests to one engine. They raise `Refusal` for its no, and `EngineUnavailable` where it said nothing of use."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.local = host.startswith("unix://")
        self._connector: aiohttp.UnixConnector | None = None
        if self.local:
            # No limit on connections: each log that is followed holds one, and the verbs must not wait for those.
            self._connector = aiohttp.UnixConnector(host.removeprefix("unix://"), limit=0)
            self._docker = Docker(url="unix://localhost", connector=self._connector)
        else:
            self._docker = Docker(url=host)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> Any:
        """One request; the JSON of its answer, None where that is empty."""
        with self._said(method, path, seconds):
            async with asyncio.timeout(seconds), self._open(method, path, query, body) as answer:
                text = await answer.read()
        return json.loads(text) if text.strip() else None

    @asynccontextmanager
    async def stream(  # noqa: PLR0913 — what a request is made of, by name
        self,
        method: str,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
        seconds: float = ANSWER_SECONDS,
        dying: Sequence[str] = DYING,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """A request whose answer comes bit by bit; the deadline is for its beginning. Reading may raise as well.

        `dying` are the words that tell an engine in trouble; without any, every answer is taken for a refusal.
        """
        async with AsyncExitStack() as stack:
            with self._said(method, path, seconds, dying):
                async with asyncio.timeout(seconds):
                    answer = await stack.enter_async_context(self._open(method, path, query, body))
            # Closed and not released: the rest of an endless answer is not to be waited for.
            stack.callback(answer.close)
            yield self._chunks(answer, method, path)

    async def _chunks(self, answer: aiohttp.ClientResponse, method: str, path: str) -> AsyncIterator[bytes]:
        with self._said(method, path, 0):
            async for chunk in answer.content.iter_any():
                yield chunk

    async def close(self) -> None:
        """Close every connection."""
        await self._docker.close()
        if self._connector is not None:
            await self._connector.close()

    @asynccontextmanager
    async def _open(
        self, method: str, path: str, query: dict[str, Any] | None, body: dict[str, Any] | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        params = {name: _text(value) for name, value in (query or {}).items()}
        data = None if body is None else json.dumps(body)
        forever = aiohttp.ClientTimeout()
        async with self._docker._query(path, method, params=params, data=data, timeout=forever) as answer:  # noqa: SLF001
            try:
                yield answer
            finally:
                answer.release()

    @contextmanager
    def _said(self, method: str, path: str, seconds: float, dying: Sequence[str] = DYING) -> Iterator[None]:
        """What went wrong in the body, as one of two: refused, or nothing known."""
        try:
            yield
        except TimeoutError as error:
            raise NoAnswer(f"{self.host} did not answer {method} {path} within {seconds:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise EngineUnavailable(f"{self.host} broke off {method} {path}: {error}") from error
        except DockerError as error:
            words = error.message.strip()
            told = error.status == 503 or (error.status >= 500 and any(word in words.lower() for word in dying))
            if error.status == NO_CONNECTION or (told and dying):
                raise EngineUnavailable(f"{self.host} is not there for {method} {path}: {words}") from error
            raise Refusal(error.status, words) from error


async def json_values(chunks: AsyncIterator[bytes]) -> AsyncGenerator[Any, None]:
    """The JSON values of a stream, one a line. Raises `EngineUnavailable` for what is none."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield _value(line)
        if len(rest) > LONGEST_LINE:
            raise EngineUnavailable(f"the engine sent a value of more than {LONGEST_LINE} bytes")
    if rest.strip():
        yield _value(rest)


def _value(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise EngineUnavailable(f"the engine sent what is no JSON: {line[:80]!r}") from error


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return json.dumps(value) if isinstance(value, dict) else str(value)
