"""The driver `memory`: a store inside the process, that obeys the protocol and fails when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import TypeVar

from libs.daemon.settings import Settings
from libs.store.driver import Inspect, unseen
from libs.store.errors import LeaseLost, StoreUnavailable
from libs.store.ledger import Ledger, Pages
from libs.store.store import ANY, Batch, Entry, Expected, Identity, Lease, Listing

T = TypeVar("T")


def open_driver(_: Settings) -> MemoryStore:
    """An empty store of this process alone."""
    return MemoryStore()


class Watching:
    """One open watch: what wakes it, and what broke it."""

    def __init__(self) -> None:
        self.woken = asyncio.Event()
        self.broken = False

    def break_off(self) -> None:
        """End it with `StoreUnavailable`."""
        self.broken = True
        self.woken.set()


class Line:
    """A client's line to the store, with the faults of it that a test switches on."""

    def __init__(self) -> None:
        self.unavailable = False
        self.delay = 0.0
        self.lose_answers = False
        self.watches: set[Watching] = set()


class MemoryLease:
    """A lease whose time runs on the event loop's clock."""

    def __init__(self, store: MemoryStore, ledger: Ledger, ttl: float) -> None:
        self.id = ledger.grant()
        self._store, self._ledger, self._ttl = store, ledger, ttl
        self._timer = asyncio.get_running_loop().call_later(ttl, ledger.revoke, self.id)

    @property
    def ttl(self) -> float:
        """Seconds that it lives without a renewal."""
        return self._ttl

    async def renew(self) -> None:
        """Start its time anew."""
        await self._store.answer(self._start_anew)

    async def revoke(self) -> None:
        """End it now."""
        await self._store.answer(self.expire)

    def expire(self) -> None:
        """End it as its time would."""
        self._timer.cancel()
        self._ledger.revoke(self.id)

    def _start_anew(self) -> None:
        if self.id not in self._ledger.pages.leases:
            raise LeaseLost(f"lease {self.id} ended")
        self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._ttl, self._ledger.revoke, self.id)


class MemoryStore:
    """A client of a store in memory; `fork` gives further clients of the same store.

    Faults of this client's line: `unavailable` (no verb answers, its watches break), `delay` (seconds before each
    verb), `lose_answers` (a write happens, and its answer is lost), `drop_watches()`. Faults of the store itself:
    `compact()`, `expire()`, `wipe()`, `restore(snapshot())`, another `cluster`.
    """

    durable = False

    def __init__(self, ledger: Ledger | None = None, line: Line | None = None, inspect: Inspect = unseen) -> None:
        self._ledger = ledger or Ledger()
        self._line = line or Line()
        self._inspect = inspect

    def fork(self) -> MemoryStore:
        """Another client of the same store, with a line of its own."""
        return MemoryStore(self._ledger)

    def shown_to(self, inspect: Inspect) -> MemoryStore:
        """This client, its answers shown to `inspect` first."""
        return MemoryStore(self._ledger, self._line, inspect)

    async def get(self, key: str) -> Entry | None:
        """See `Store.get`."""
        return await self.answer(lambda: self._ledger.get(key))

    async def list(self, prefix: str) -> Listing:
        """See `Store.list`."""
        return await self.answer(lambda: self._ledger.list(prefix))

    async def put(self, key: str, value: bytes, *, expect: Expected = ANY, lease: Lease | None = None) -> int:
        """See `Store.put`."""
        if not isinstance(lease, MemoryLease | None):
            raise TypeError(f"{lease!r} is no lease of a store in memory")
        id_ = lease.id if lease is not None else None
        return await self.answer(lambda: self._ledger.put(key, value, expect=expect, lease=id_), write=True)

    async def delete(self, key: str, *, expect: Expected = ANY) -> bool:
        """See `Store.delete`."""
        return await self.answer(lambda: self._ledger.delete(key, expect=expect), write=True)

    async def lease(self, ttl: float) -> MemoryLease:
        """See `Store.lease`."""
        return await self.answer(lambda: MemoryLease(self, self._ledger, max(ttl, 0.01)))

    async def identity(self) -> Identity:
        """See `Store.identity`."""
        return await self.answer(lambda: self._ledger.identity)

    async def close(self) -> None:
        """Break this client's watches."""
        self.drop_watches()

    @asynccontextmanager
    async def watch(self, prefix: str, *, after: int) -> AsyncIterator[AsyncIterator[Batch]]:
        """See `Store.watch`."""
        await self.answer(lambda: self._ledger.changes(prefix, after))
        watching = Watching()
        self._line.watches.add(watching)
        self._ledger.listeners.add(watching.woken.set)
        try:
            async with aclosing(self._follow(watching, prefix, after)) as batches:
                yield batches
        finally:
            self._ledger.listeners.discard(watching.woken.set)
            self._line.watches.discard(watching)

    async def _follow(self, watching: Watching, prefix: str, after: int) -> AsyncGenerator[Batch, None]:
        restarts = self._ledger.restarts
        while True:
            watching.woken.clear()
            if watching.broken or self._line.unavailable or restarts != self._ledger.restarts:
                raise StoreUnavailable("the watch broke")
            batch = self._ledger.changes(prefix, after)
            if batch.revision > after:
                after = batch.revision
                yield batch
            else:
                await watching.woken.wait()

    async def answer(self, verb: Callable[[], T], *, write: bool = False) -> T:
        """Do a verb over this client's line, faults and inspector included."""
        judge = self._inspect()
        await asyncio.sleep(self._line.delay)
        if self._line.unavailable:
            raise StoreUnavailable("the store in memory was made unavailable")
        try:
            done = verb()
        finally:
            judge(self._ledger.identity)
        if write and self._line.lose_answers:
            raise StoreUnavailable("the answer was lost")
        return done

    @property
    def unavailable(self) -> bool:
        """Whether this client's line is cut."""
        return self._line.unavailable

    @unavailable.setter
    def unavailable(self, cut: bool) -> None:
        self._line.unavailable = cut
        if cut:
            self.drop_watches()

    @property
    def delay(self) -> float:
        """Seconds that each verb of this client waits before it acts."""
        return self._line.delay

    @delay.setter
    def delay(self, seconds: float) -> None:
        self._line.delay = seconds

    @property
    def lose_answers(self) -> bool:
        """Whether writes happen without being answered."""
        return self._line.lose_answers

    @lose_answers.setter
    def lose_answers(self, lose: bool) -> None:
        self._line.lose_answers = lose

    def drop_watches(self) -> None:
        """Break every watch of this client."""
        for watching in tuple(self._line.watches):
            watching.break_off()

    def compact(self, revision: int | None = None) -> None:
        """Forget the history up to a revision, by default all of it."""
        self._ledger.compact(revision)

    def expire(self, lease: Lease | None = None) -> None:
        """End a lease (by default every one) as its time would."""
        ids = [lease.id] if isinstance(lease, MemoryLease) else sorted(self._ledger.pages.leases)
        for id_ in ids:
            self._ledger.revoke(id_)

    def snapshot(self) -> Pages:
        """The store's content now."""
        return self._ledger.snapshot()

    def restore(self, pages: Pages) -> None:
        """Go back to a snapshot, revision included; every watch breaks, as a restarted server's do."""
        self._ledger.restore(pages)

    def wipe(self) -> None:
        """Become an empty store at its first revision."""
        self.restore(Pages())

    @property
    def cluster(self) -> str:
        """The store's cluster id."""
        return self._ledger.cluster

    @cluster.setter
    def cluster(self, id_: str) -> None:
        self._ledger.cluster = id_
