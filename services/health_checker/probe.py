"""What a kind of check is: a file in `kinds/`, named as its action in `records.Check`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from libs.keyspace.records import Check
from services.health_checker import kinds
from services.health_checker.settings import HealthCheckerSettings
from services.health_checker.target import Target


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a probe found: `reason` says in plain words why it did not pass.

    `again`: no sooner than after so many seconds can it be different; until then it waits, which is no failure.
    `fault`: the probe could not be made for a reason on our side, so it says nothing on the instance.
    """

    passed: bool
    reason: str = ""
    again: float | None = None
    fault: bool = False

    @property
    def speaks(self) -> bool:
        """It speaks for or against the instance."""
        return self.passed or self.failed

    @property
    def failed(self) -> bool:
        """It speaks against the instance."""
        return not self.passed and not self.fault and self.again is None


PASSED = Outcome(passed=True)


class Probe(Protocol):
    """One probe of one target. It takes at most the check's timeout, and raises nothing that can be foreseen."""

    async def __call__(self, target: Target, check: Check, action: Any, /) -> Outcome:
        """Probe once, by this check, whose action of this kind is `action`."""
        ...


class Kind(Protocol):
    """The face of a module in `kinds/`."""

    def open_probe(self, settings: HealthCheckerSettings) -> AbstractAsyncContextManager[Probe]:
        """The probe of this kind, with whatever it needs open."""
        ...

    def in_flight(self, settings: HealthCheckerSettings) -> int:
        """How many probes of this kind there may be at a time."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A kind that is open."""

    probe: Probe
    in_flight: int


@asynccontextmanager
async def open_probes(settings: HealthCheckerSettings) -> AsyncIterator[Mapping[str, Opened]]:
    """Every kind there is, by the name of its action."""
    async with AsyncExitStack() as stack:
        opened = {}
        for module in pkgutil.iter_modules(kinds.__path__):
            kind: Kind = importlib.import_module(f"{kinds.__name__}.{module.name}")
            probe = await stack.enter_async_context(kind.open_probe(settings))
            opened[module.name] = Opened(probe, kind.in_flight(settings))
        yield opened
