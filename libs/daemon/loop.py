"""The frame of a reconciler: three wake-ups (a timer, a signal, a changed dependency), one body, no input."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger("loop")

FIRST_BACKOFF = 0.1  # seconds; doubled up to LONGEST_BACKOFF, each with full jitter
LONGEST_BACKOFF = 5.0


@dataclass
class LoopStatus:
    """What `/statusz` tells of a loop."""

    running: bool = False
    runs: int = 0
    failures: int = 0  # in a row
    woken_by: str = "start"
    result: str = ""
    seconds: float = 0.0
    last_run: float | None = None  # wall clock, seconds since the epoch


@dataclass(eq=False)
class Loop:
    """Keeps one thing true by running `body` again and again; `wake` means only "look again".

    Errors of the `expected` kinds are retried with jittered backoff; any other ends the loop, and with it the process.
    """

    name: str
    body: Callable[[], Awaitable[None]]
    every: float  # seconds between looks when nothing wakes it
    expected: tuple[type[Exception], ...] = ()
    status: LoopStatus = field(default_factory=LoopStatus)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _reason: str = "start"

    def wake(self, reason: str = "change") -> None:
        """Ask for another look; wake-ups before it begins are one. Call from the event loop's thread."""
        if not self._woken.is_set():
            self._reason = reason
            self._woken.set()

    def waking(self, reason: str) -> Callable[[], None]:
        """A callback that asks for another look."""
        return lambda: self.wake(reason)

    async def run(self) -> None:
        """Look now, then whenever woken and at least each `every` seconds; for ever."""
        while True:
            self._woken.clear()
            delay = await self._look()
            try:
                async with asyncio.timeout(delay):
                    await self._woken.wait()
            except TimeoutError:
                self._reason = "timer"

    async def _look(self) -> float:
        """One run of the body; returns the seconds until the next look at the latest."""
        status = self.status
        status.running, status.woken_by = True, self._reason
        status.last_run, began = time.time(), time.monotonic()
        try:
            await self.body()
        except self.expected as error:
            status.failures += 1
            status.result = f"{type(error).__name__}: {error}"
            if status.failures in {1, 10} or status.failures % 100 == 0:
                log.warning("will look again", loop=self.name, failures=status.failures, error=status.result)
            longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** min(status.failures, 10))
            return random.uniform(FIRST_BACKOFF / 2, longest)
        else:
            if status.failures:
                log.info("works again", loop=self.name, failures=status.failures)
            status.failures, status.result = 0, "ok"
            return self.every * random.uniform(0.9, 1.1)
        finally:
            status.running = False
            status.runs += 1
            status.seconds = time.monotonic() - began
