"""Passes when `GET path` answers with an expected status."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from libs.keyspace.records import Check, HttpAction
from services.health_checker.connection import connect, open_socket
from services.health_checker.endpoint import Endpoint, endpoint_of
from services.health_checker.probe import PASSED, Outcome, Probe
from services.health_checker.request import CannotBeSent, Exchange, NotHttp
from services.health_checker.settings import HealthCheckerSettings
from services.health_checker.target import Target

READ_AT_ONCE = 4096  # bytes
REST_AT_MOST = 64 * 1024  # bytes of a body
REST_SECONDS = 0.1


def in_flight(settings: HealthCheckerSettings) -> int:
    """As many as any kind that costs little."""
    return settings.probes_in_flight


@asynccontextmanager
async def open_probe(settings: HealthCheckerSettings) -> AsyncIterator[Probe]:  # noqa: ARG001 - it needs none
    """A probe that asks over a connection of its own, follows no redirect and looks at no body."""
    yield get


async def get(target: Target, check: Check, action: HttpAction) -> Outcome:
    """Ask once."""
    endpoint = endpoint_of(target, action.port)
    if isinstance(endpoint, Outcome):
        return endpoint
    path = action.path if action.path.startswith("/") else f"/{action.path}"
    limit = check.timeout_seconds
    try:
        exchange = Exchange(endpoint, path, action.headers)
        with open_socket(endpoint) as sock:
            async with asyncio.timeout(limit):
                status = await answered(sock, endpoint, exchange)
            await hear_out(sock, exchange)
    except TimeoutError:
        return Outcome(passed=False, reason=f"GET {path} got no answer from {endpoint} within {limit:g} s")
    except (EOFError, NotHttp, CannotBeSent, OSError) as error:
        return failure(error, endpoint, path)
    low, high = action.expected
    if low <= status <= high:
        return PASSED
    wanted = f"{low}" if low == high else f"{low}–{high}"  # noqa: RUF001 - a range
    return Outcome(passed=False, reason=f"GET {path} answered {status}, wants {wanted}")


def failure(error: EOFError | NotHttp | CannotBeSent | OSError, endpoint: Endpoint, path: str) -> Outcome:
    """Why there was no answer, in plain words."""
    match error:
        case OSError():
            return endpoint.failure(error.errno or 0)
        case EOFError():
            reason = f"GET {path} got no answer: {endpoint} hung up"
        case NotHttp():
            reason = f"GET {path} got something that is not HTTP from {endpoint}"
        case CannotBeSent():
            reason = f"GET {path} cannot be asked: {error}"
    return Outcome(passed=False, reason=reason)


async def answered(sock: socket.socket, endpoint: Endpoint, exchange: Exchange) -> int:
    """The status of the answer. Raises `OSError`, `NotHttp`, and `EOFError` where the other side hung up."""
    loop = asyncio.get_running_loop()
    if error := await connect(sock, endpoint):
        raise OSError(error, "")
    await loop.sock_sendall(sock, exchange.request)
    while exchange.status is None:
        exchange.hear(await loop.sock_recv(sock, READ_AT_ONCE))
    return exchange.status


async def hear_out(sock: socket.socket, exchange: Exchange) -> None:
    """Take the rest of a short answer: who hangs up in the middle has many a server log an error."""
    loop = asyncio.get_running_loop()
    heard = 0
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(REST_SECONDS):
            while not exchange.over and heard < REST_AT_MOST:
                piece = await loop.sock_recv(sock, READ_AT_ONCE)
                heard += len(piece)
                exchange.hear(piece)
