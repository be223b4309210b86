"""A lease kept alive, and the time until which it cannot have ended."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Self

from libs.store.errors import LeaseLost, StoreHeld, StoreUnavailable
from libs.store.store import Lease, Store

SURE = 0.9  # of the ttl; the rest is for stopping what was begun, and for clocks that do not run alike
RETRY = 0.5  # seconds, at most, between two tries to renew while the store is away

Clock = Callable[[], float]


def boot_clock() -> float:
    """Seconds since boot, those in which the machine slept included: a lease ends in them too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Tenure:
    """A lease from its grant to its end.

    It is `sure` until nine tenths of its ttl have passed since the start of the last good renewal. The server counts
    the whole of it, from a later moment: while we are sure, and a little longer, nobody else can have what we hold.
    """

    def __init__(self, lease: Lease, began: float, clock: Clock) -> None:
        self.lease = lease
        self._clock = clock
        self._until = began + lease.ttl * SURE

    @classmethod
    async def begin(cls, store: Store, ttl: float, clock: Clock = boot_clock) -> Self:
        """Ask for a lease. Raises `StoreUnavailable`."""
        began = clock()
        return cls(await store.lease(ttl), began, clock)

    @property
    def sure(self) -> bool:
        """Whether the lease cannot have ended yet."""
        return self._clock() < self._until

    async def keep(self) -> None:
        """Renew each third of the ttl; ends only by `LeaseLost`: it ended, or we cannot be sure any more."""
        pause = self.lease.ttl / 3
        while True:
            await asyncio.sleep(min(pause, max(0.0, self._until - self._clock())))
            began = self._clock()
            if began >= self._until:
                raise LeaseLost(f"not renewed in time: a lease of {self.lease.ttl:g} s may have ended")
            try:
                async with asyncio.timeout(self._until - began):
                    await self.lease.renew()
            except StoreHeld as error:
                raise LeaseLost("the store is another one") from error
            except (StoreUnavailable, TimeoutError):
                pause = random.uniform(0, min(RETRY, self.lease.ttl / 3))
            else:
                self._until = began + self.lease.ttl * SURE
                pause = self.lease.ttl / 3

    async def end(self, within: float = 2.0) -> bool:
        """Revoke the lease so that its keys go now and not at its end; False when the store did not answer in time."""
        try:
            async with asyncio.timeout(within):
                await self.lease.revoke()
        except (StoreUnavailable, TimeoutError):
            return False
        return True
