"""HTTP to other services: a session whose every call has a deadline."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp


@asynccontextmanager
async def open_client(
    *,
    timeout: float | None = 10.0,
    connect: float = 3.0,
    connections: int = 100,
) -> AsyncIterator[aiohttp.ClientSession]:
    """A session open while the body runs.

    `timeout`: seconds for a whole call (None: no limit, for streams); `connect`: seconds until connected;
    `connections`: at once, further calls wait for a free one. A call raises `TimeoutError` or `aiohttp.ClientError`;
    statuses never raise.
    """
    limits = aiohttp.ClientTimeout(total=timeout, connect=connect)
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(timeout=limits, connector=connector) as session:
        yield session
