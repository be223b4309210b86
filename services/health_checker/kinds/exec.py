"""Passes when a command in the container exits 0."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from libs.engine import Engine, EngineUnavailable, Exec, ExecTimedOut, InstanceRefused
from libs.engine.opening import open_engine
from libs.keyspace.records import Check, ExecAction
from services.health_checker.probe import PASSED, Outcome, Probe
from services.health_checker.settings import HealthCheckerSettings
from services.health_checker.target import Target

OUTPUT_CHARACTERS = 200  # of a command's output that are told
COMMAND_CHARACTERS = 60


def in_flight(settings: HealthCheckerSettings) -> int:
    """Few: each is a process, and work for the engine."""
    return settings.execs_in_flight


@asynccontextmanager
async def open_probe(settings: HealthCheckerSettings) -> AsyncIterator[Probe]:
    """A probe that has the engine execute the command; the engine is opened when the first one is to be made."""
    async with AsyncExitStack() as stack:
        opened: list[Engine] = []
        opening = asyncio.Lock()

        async def engine() -> Engine:
            async with opening:
                if not opened:
                    opened.append(await stack.enter_async_context(open_engine(settings)))
                return opened[0]

        yield executing(engine, settings.engine)


def executing(engine: Callable[[], Awaitable[Engine]], name: str) -> Probe:
    """The probe on this engine, whose driver bears this name."""

    async def execute(target: Target, check: Check, action: ExecAction) -> Outcome:
        asked = await engine()
        if not isinstance(asked, Exec):
            reason = f"the engine {name!r} executes no commands in instances, so a check that is one says nothing"
            return Outcome(passed=False, reason=reason, fault=True)
        command = shortened(shlex.join(action.command), COMMAND_CHARACTERS)
        try:
            done = await asked.execute(target.name, action.command, seconds=check.timeout_seconds)
        except EngineUnavailable as error:
            return Outcome(passed=False, reason=f"the engine did not execute {command}: {one_line(error)}", fault=True)
        except ExecTimedOut as error:
            return Outcome(passed=False, reason=f"{command} did not end within {error.seconds:g} s")
        except InstanceRefused as error:
            return Outcome(passed=False, reason=f"{command} cannot be executed: {one_line(error.reason)}")
        if done.code == 0:
            return PASSED
        said = one_line(done.output)
        return Outcome(passed=False, reason=f"{command} exited with {done.code}" + (f": {said}" if said else ""))

    return execute


def one_line(text: object) -> str:
    """The end of a text in one line; what cannot be printed is left out."""
    words = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return words if len(words) <= OUTPUT_CHARACTERS else "…" + words[1 - OUTPUT_CHARACTERS :]


def shortened(text: str, most: int) -> str:
    """The beginning of a text, in one line."""
    words = " ".join(text.split())
    return words if len(words) <= most else words[: most - 1] + "…"
