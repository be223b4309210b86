"""What a kind of check is: a file in `kinds/`, named as its action in `records.Check`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from services.health_checker import kinds
from services.health_checker.settings import HealthCheckerSettings
from services.health_checker.target import Target


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a probe found: `reason` says in plain words why it did not pass.

    `again`: no sooner than after so many seconds can it be different. `fault`: the probe could not be made for a reason
    on our side, so it says nothing on the instance.
    """

    passed: bool
    reason: str = ""
    again: float | None = None
    fault: bool = False


PASSED = Outcome(passed=True)


class Probe(Protocol):
    """One probe of one target. It takes at most the check's timeout, and raises nothing that can be foreseen."""

    async def __call__(self, target: Target, action: Any) -> Outcome:
        """Probe once."""
        ...


class Kind(Protocol):
    """The face of a module in `kinds/`."""

    def open_probe(self, settings: HealthCheckerSettings) -> AbstractAsyncContextManager[Probe]:
        """The probe of this kind, with whatever it needs open."""
        ...


@asynccontextmanager
async def open_probes(settings: HealthCheckerSettings) -> AsyncIterator[Mapping[str, Probe]]:
    """Every kind there is, by the name of its action."""
    async with AsyncExitStack() as stack:
        probes = {}
        for module in pkgutil.iter_modules(kinds.__path__):
            kind: Kind = importlib.import_module(f"{kinds.__name__}.{module.name}")
            probes[module.name] = await stack.enter_async_context(kind.open_probe(settings))
        yield probes


async def probe_once(probes: Mapping[str, Probe], target: Target) -> Outcome:
    """Probe with the kind that the target's check asks for."""
    for name, probe in probes.items():
        action = getattr(target.check, name, None)
        if action is not None:
            return await probe(target, action)
    return Outcome(passed=False, reason=f"its check names no action that is known here ({', '.join(sorted(probes))})")
