"""Passes when a TCP connection is accepted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from libs.keyspace.records import Check, TcpAction
from services.health_checker.connection import connect, open_socket
from services.health_checker.endpoint import endpoint_of
from services.health_checker.probe import PASSED, Outcome, Probe
from services.health_checker.settings import HealthCheckerSettings
from services.health_checker.target import Target


def in_flight(settings: HealthCheckerSettings) -> int:
    """As many as any kind that costs little."""
    return settings.probes_in_flight


@asynccontextmanager
async def open_probe(settings: HealthCheckerSettings) -> AsyncIterator[Probe]:  # noqa: ARG001 - it needs none
    """A probe that connects and hangs up."""
    yield knock


async def knock(target: Target, check: Check, action: TcpAction) -> Outcome:
    """Connect once."""
    endpoint = endpoint_of(target, action.port)
    if isinstance(endpoint, Outcome):
        return endpoint
    limit = check.timeout_seconds
    try:
        async with asyncio.timeout(limit):
            with open_socket(endpoint) as sock:
                error = await connect(sock, endpoint)
    except TimeoutError:
        return Outcome(passed=False, reason=f"no connection to {endpoint} within {limit:g} s")
    except OSError as problem:  # not even a socket
        return endpoint.failure(problem.errno or 0)
    return endpoint.failure(error) if error else PASSED
