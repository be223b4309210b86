"""Passes once the process has run for some seconds without an exit; for types without a port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from libs.keyspace.document import now
from libs.keyspace.records import Check, StaysUp
from services.health_checker.probe import PASSED, Outcome, Probe
from services.health_checker.settings import HealthCheckerSettings
from services.health_checker.target import Target


def in_flight(settings: HealthCheckerSettings) -> int:
    """As many as any kind that costs little."""
    return settings.probes_in_flight


@asynccontextmanager
async def open_probe(settings: HealthCheckerSettings) -> AsyncIterator[Probe]:  # noqa: ARG001 - it needs none
    """A probe that looks at the clock: a target is one run, so an exit ends the target itself."""
    yield look


async def look(target: Target, _: Check, action: StaysUp) -> Outcome:
    """Compare the age of the run, in seconds of the wall clock, with what is asked."""
    if target.run is None:
        return Outcome(passed=False, reason="it is not known since when it runs")
    age = (now() - target.run).total_seconds()
    if age >= action.seconds:
        return PASSED
    left = min(action.seconds - age, action.seconds)
    return Outcome(passed=False, reason=f"it has to stay up for {action.seconds:g} s", again=left)
