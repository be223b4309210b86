"""Answers that go on: the lines of a change that is followed live."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.support.api import Client

FOLLOWING = {"Accept": "application/x-ndjson, application/json"}


class Lines:
    """An answer that goes on."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.heard: list[Any] = []

    async def text(self) -> str:
        """The next line, or nothing at the end."""
        async with asyncio.timeout(30):
            return (await self.response.content.readline()).decode()

    async def next(self) -> Any:
        """The next event, None at the end."""
        while (line := await self.text()) == "\n":
            pass
        if line:
            self.heard.append(json.loads(line))
        return json.loads(line) if line else None

    async def until(self, event: str, **fields: Any) -> Any:
        """The next event of this kind that has these fields."""
        while (found := await self.next()) is not None:
            if found["event"] == event and all(found[name] == value for name, value in fields.items()):
                return found
        raise AssertionError(self.heard)

    async def rest(self) -> list[Any]:
        """All that comes until the end."""
        return [one async for one in self]

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        if (found := await self.next()) is None:
            raise StopAsyncIteration
        return found


@asynccontextmanager
async def followed(client: Client, path: str, body: Any = None, method: str = "POST") -> AsyncIterator[Lines]:
    headers = {"Authorization": f"token {client.token}", **FOLLOWING}
    async with client._session.request(method, client.url + path, json=body, headers=headers) as response:
        assert (response.status, response.content_type) == (200, "application/x-ndjson"), await response.text()
        yield Lines(response)
