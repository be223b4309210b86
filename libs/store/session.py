"""A lease kept alive, with the keys that say "I am here"; its loss is an event."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import structlog

from libs.store.errors import LeaseLost, StoreUnavailable
from libs.store.store import Store
from libs.store.tenure import Clock, Tenure, boot_clock

FIRST_PAUSE = 0.1  # seconds, at most, after a lost lease
LONGEST_PAUSE = 1.0  # seconds between two tries to get a lease, or to write a key

log = structlog.get_logger("session")


class Session:
    """Keeps the published keys present under one lease; after a loss it takes a new lease and writes them all again."""

    def __init__(self, store: Store, *, ttl: float, clock: Clock = boot_clock) -> None:
        self._store = store
        self._ttl = ttl
        self._clock = clock
        self._tenure: Tenure | None = None
        self._published: dict[str, bytes] = {}
        self._unsettled: set[str] = set()  # keys to write, or to delete when they are not in `_published`
        self._writing = asyncio.Lock()
        self._retry = asyncio.Event()
        self._told = False
        self._callbacks: list[Callable[[bool], None]] = []

    @property
    def held(self) -> bool:
        """Whether the lease stands for sure."""
        return self._tenure is not None and self._tenure.sure

    def on_change(self, callback: Callable[[bool], None]) -> None:
        """Call back when the lease is taken (True) or lost (False)."""
        self._callbacks.append(callback)

    async def publish(self, key: str, value: bytes) -> None:
        """Keep this key present with this value from now on.

        Never raises a store's error: while the store is away it is kept for later.
        """
        if self._published.get(key) != value or key in self._unsettled:
            self._published[key] = value
            self._unsettled.add(key)
            await self._settle_now()

    async def withdraw(self, key: str) -> None:
        """Keep this key no more, and delete it; see `publish`."""
        if self._published.pop(key, None) is not None:
            self._unsettled.add(key)
            await self._settle_now()

    async def run(self) -> None:
        """Hold a lease for ever; revokes it when cancelled."""
        try:
            while True:
                try:
                    await self._hold()
                except* (StoreUnavailable, LeaseLost) as group:
                    log.debug("takes a new lease", reason=str(group.exceptions[0]))
                pause = LONGEST_PAUSE if self._tenure is None else FIRST_PAUSE
                self._tenure = None
                self._tell(held=False)
                await asyncio.sleep(random.uniform(0, pause))
        finally:
            tenure, self._tenure = self._tenure, None
            self._tell(held=False)
            if tenure is not None:
                await tenure.end()

    async def _hold(self) -> None:
        """One lease, from its grant to its loss."""
        self._tenure = tenure = await Tenure.begin(self._store, self._ttl, self._clock)
        self._unsettled |= self._published.keys()
        self._retry.set()
        self._tell(held=True)
        async with asyncio.TaskGroup() as group:
            group.create_task(tenure.keep(), name="keep the lease")
            group.create_task(self._settle_later(), name="write the published keys")

    async def _settle_now(self) -> None:
        if not self.held:
            return
        try:
            await self._settle()
        except (StoreUnavailable, LeaseLost):
            self._retry.set()

    async def _settle_later(self) -> None:
        """Write what could not be written when it was published."""
        while True:
            await self._retry.wait()
            self._retry.clear()
            try:
                await self._settle()
            except StoreUnavailable:
                self._retry.set()
                await asyncio.sleep(random.uniform(0, LONGEST_PAUSE))

    async def _settle(self) -> None:
        """Bring every unsettled key to its wanted state, one writer at a time, so that the last value wins."""
        async with self._writing:
            while self._unsettled and self._tenure is not None:
                key = self._unsettled.pop()
                value = self._published.get(key)
                try:
                    if value is None:
                        await self._store.delete(key)
                    else:
                        await self._store.put(key, value, lease=self._tenure.lease)
                except BaseException:
                    self._unsettled.add(key)
                    raise

    def _tell(self, *, held: bool) -> None:
        if held != self._told:
            self._told = held
            for callback in self._callbacks:
                callback(held)
