"""Makes probes: a bounded number of each kind at a time, measured and counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry, Counter

from libs.keyspace.records import Check
from services.health_checker.probe import Opened, Outcome
from services.health_checker.target import Target

log = structlog.get_logger("health_checker")


@dataclass(frozen=True, slots=True)
class Probed:
    """A probe that was made: what it found, when it began on the prober's clock, and how long it took."""

    outcome: Outcome
    began: float
    seconds: float


class Prober:
    """Probes with the kind that a check asks for. One that breaks is a fault of ours, and logged once an instance."""

    def __init__(self, kinds: Mapping[str, Opened], clock: Callable[[], float], registry: CollectorRegistry) -> None:
        self._kinds = kinds
        self._clock = clock
        # A bound for each kind: commands that wait for the engine hold up no connection.
        self._free = {name: asyncio.Semaphore(kind.in_flight) for name, kind in kinds.items()}
        self._broken: set[str] = set()  # whose broken probe was logged
        outcomes = Counter("deis_health_checker_probes", "Probes by outcome.", ["outcome"], registry=registry)
        self._counts = {name: outcomes.labels(name) for name in ("passed", "failed", "fault")}

    async def probe(self, target: Target, check: Check) -> Probed:
        """Probe once, as soon as there is room for it."""
        name = next((name for name in self._kinds if getattr(check, name, None) is not None), None)
        if name is None:
            known = ", ".join(sorted(self._kinds))
            unknown = Outcome(passed=False, reason=f"its check names no action that is known here ({known})")
            return self._count(Probed(unknown, self._clock(), 0.0))
        async with self._free[name]:
            began, start = self._clock(), time.perf_counter()
            try:
                outcome = await self._kinds[name].probe(target, check, getattr(check, name))
            except Exception as error:
                if target.name not in self._broken:
                    self._broken.add(target.name)
                    log.exception("a probe broke", instance=target.name)
                outcome = Outcome(passed=False, reason=f"the probe broke: {type(error).__name__}", fault=True)
            return self._count(Probed(outcome, began, time.perf_counter() - start))

    def _count(self, probed: Probed) -> Probed:
        outcome = probed.outcome
        self._counts["fault" if outcome.fault else "passed" if outcome.passed else "failed"].inc()
        return probed
