"""Passes when a TCP connection is accepted."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from libs.keyspace.records import TcpAction
from services.health_checker.endpoint import endpoint_of
from services.health_checker.probe import PASSED, Outcome, Probe
from services.health_checker.settings import HealthCheckerSettings
from services.health_checker.target import Target


@asynccontextmanager
async def open_probe(settings: HealthCheckerSettings) -> AsyncIterator[Probe]:  # noqa: ARG001 - it needs none
    """A probe that connects and hangs up."""
    yield connect


async def connect(target: Target, action: TcpAction) -> Outcome:
    """Connect once."""
    endpoint = endpoint_of(target, action.port)
    if isinstance(endpoint, str):
        return Outcome(passed=False, reason=endpoint)
    family = socket.AF_INET6 if endpoint.address.version == 6 else socket.AF_INET
    address = (str(endpoint.address), endpoint.port)
    limit = target.check.timeout_seconds
    with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as sock:
        try:
            async with asyncio.timeout(limit):
                await asyncio.get_running_loop().sock_connect(sock, address)
        except TimeoutError:
            return Outcome(passed=False, reason=f"no connection to {endpoint} within {limit:g} s")
        except OSError as error:
            return Outcome(passed=False, reason=endpoint.failure(error))
        if sock.getsockname() == sock.getpeername():  # a simultaneous open with itself, possible on one host
            return Outcome(passed=False, reason=f"connection refused at {endpoint}")
    return PASSED
