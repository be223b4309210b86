"""Tasks live in task groups, have names one would say aloud, and are not supposed to end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog

log = structlog.get_logger("supervision")


class LoopEnded(RuntimeError):
    """A task that should run for ever returned; `name` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} ended, and it should run until it is cancelled")
        self.name = name


def leaves(error: BaseException) -> list[BaseException]:
    """The single errors of a group, however nested; an error that is no group is its own leaf."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]


async def _forever(name: str, work: Coroutine[Any, Any, Any]) -> None:
    await work
    raise LoopEnded(name)


@asynccontextmanager
async def supervise(**tasks: Coroutine[Any, Any, Any]) -> AsyncIterator[asyncio.TaskGroup]:
    """Run the named tasks while the body runs. One that fails or returns ends everything; leaving cancels them."""
    async with asyncio.TaskGroup() as group:
        started = [group.create_task(_forever(name, work), name=name) for name, work in tasks.items()]
        try:
            await asyncio.sleep(0)  # let each begin: one cancelled before would be left unawaited
            yield group
        finally:
            for task in started:
                task.cancel()


async def keep_running(
    name: str,
    attempt: Callable[[], Awaitable[None]],
    *,
    expected: tuple[type[Exception], ...],
    longest: float = 5.0,
) -> None:
    """Run `attempt` again each time it returns or fails in an expected way, for ever.

    Jittered backoff up to `longest` seconds; for long streams: an attempt that lasted resets it.
    """
    clock = asyncio.get_running_loop().time
    delay = 0.05
    while True:
        began = clock()
        try:
            await attempt()
            reason = "ended"
        except expected as error:
            reason = f"{type(error).__name__}: {error}"
        delay = 0.05 if clock() - began > longest else min(delay * 2, longest)
        log.debug("starting again", task=name, reason=reason, delay=round(delay, 3))
        await asyncio.sleep(random.uniform(delay / 2, delay))
