"""Passes when `GET path` answers with an expected status."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import aiohttp
from yarl import URL

from libs.keyspace.records import Check, HttpAction
from services.health_checker.endpoint import Endpoint, endpoint_of
from services.health_checker.probe import PASSED, Outcome, Probe
from services.health_checker.settings import HealthCheckerSettings
from services.health_checker.target import Target

READ_AT_MOST = 4096  # bytes that are buffered of an answer
AS_WRITTEN = "/%?:@!$&'()*+,;=[]~"  # of a user's path; what could not stand in a request line is encoded


def in_flight(settings: HealthCheckerSettings) -> int:
    """As many as any kind that costs little."""
    return settings.probes_in_flight


@asynccontextmanager
async def open_probe(settings: HealthCheckerSettings) -> AsyncIterator[Probe]:
    """A probe that asks over a fresh connection, follows no redirect and leaves the body unread."""
    connector = aiohttp.TCPConnector(force_close=True, limit=settings.probes_in_flight, use_dns_cache=False)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(),
        headers={"User-Agent": "deis-health-check"},
        auto_decompress=False,
        read_bufsize=READ_AT_MOST,
    ) as session:

        async def ask(target: Target, check: Check, action: HttpAction) -> Outcome:
            return await get(session, target, check, action)

        yield ask


async def get(session: aiohttp.ClientSession, target: Target, check: Check, action: HttpAction) -> Outcome:
    """Ask once."""
    endpoint = endpoint_of(target, action.port)
    if isinstance(endpoint, Outcome):
        return endpoint
    path = action.path if action.path.startswith("/") else f"/{action.path}"
    limit = check.timeout_seconds
    try:
        async with (
            asyncio.timeout(limit),
            session.get(
                URL(f"http://{endpoint}{quote(path, safe=AS_WRITTEN)}", encoded=True),
                headers=[(header.name, header.value) for header in action.headers],
                allow_redirects=False,
            ) as response,
        ):
            status = response.status
    except TimeoutError:
        return Outcome(passed=False, reason=f"GET {path} got no answer from {endpoint} within {limit:g} s")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return failure(error, endpoint, path)
    low, high = action.expected
    if low <= status <= high:
        return PASSED
    return Outcome(passed=False, reason=f"GET {path} answered {status}, wants {low}–{high}")  # noqa: RUF001 - a range


def failure(error: Exception, endpoint: Endpoint, path: str) -> Outcome:
    """Why there was no answer, in plain words."""
    match error:
        case aiohttp.ClientConnectorError():
            return endpoint.failure(error.os_error.errno or 0)
        case aiohttp.ServerDisconnectedError():
            reason = f"GET {path} got no answer: {endpoint} hung up"
        case OSError():
            return endpoint.failure(error.errno or 0)
        case aiohttp.ClientResponseError():
            reason = f"GET {path} got something that is not HTTP from {endpoint}"
        case _:
            reason = f"GET {path} cannot be asked: {error}"
    return Outcome(passed=False, reason=reason)
