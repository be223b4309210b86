"""Passes when a TCP connection is accepted."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from libs.keyspace.records import Check, TcpAction
from services.health_checker.endpoint import Endpoint, endpoint_of
from services.health_checker.probe import PASSED, Outcome, Probe
from services.health_checker.settings import HealthCheckerSettings
from services.health_checker.target import Target


def in_flight(settings: HealthCheckerSettings) -> int:
    """As many as any kind that costs little."""
    return settings.probes_in_flight


@asynccontextmanager
async def open_probe(settings: HealthCheckerSettings) -> AsyncIterator[Probe]:  # noqa: ARG001 - it needs none
    """A probe that connects and hangs up."""
    yield connect


async def connect(target: Target, check: Check, action: TcpAction) -> Outcome:
    """Connect once."""
    endpoint = endpoint_of(target, action.port)
    if isinstance(endpoint, Outcome):
        return endpoint
    limit = check.timeout_seconds
    try:
        async with asyncio.timeout(limit):
            error = await connected(endpoint)
    except TimeoutError:
        return Outcome(passed=False, reason=f"no connection to {endpoint} within {limit:g} s")
    except OSError as problem:  # not even a socket
        return endpoint.failure(problem.errno or 0)
    return endpoint.failure(error) if error else PASSED


async def connected(endpoint: Endpoint) -> int:
    """Connect and hang up: 0 or an error number."""
    family = socket.AF_INET6 if endpoint.address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as sock:
        error = sock.connect_ex(endpoint.pair)
        if error == errno.EINPROGRESS:  # on one host the handshake is over when this returns: ask once more
            error = sock.connect_ex(endpoint.pair)
        if error in {errno.EALREADY, errno.EINPROGRESS}:
            error = await settled(sock)
        if error in {0, errno.EISCONN} and endpoint.address.is_loopback and sock.getsockname() == sock.getpeername():
            return errno.ECONNREFUSED  # it met itself: a simultaneous open (RFC 9293, section 3.5)
        return 0 if error == errno.EISCONN else error


async def settled(sock: socket.socket) -> int:
    """How a connection that is under way ends: 0 or an error number."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    loop.add_writer(sock, _settle, done)
    try:
        await done
    finally:
        loop.remove_writer(sock)
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def _settle(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
