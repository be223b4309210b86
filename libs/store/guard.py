"""The store behind a door: one that was restored or exchanged is held until an operator accepts it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import structlog

from libs.keyspace import Keyspace
from libs.store.acceptance import find_acceptance
from libs.store.contact import Contact
from libs.store.driver import Driver
from libs.store.errors import HistoryLost, LeaseLost, StoreHeld, StoreUnavailable
from libs.store.store import ANY, Batch, Entry, Expected, Identity, Lease, Listing
from libs.store.witness import Witness

LOOK_AGAIN = 1.0  # seconds between two looks for an acceptance, jittered by half
WRITE_AT_MOST_EVERY = 3.0  # seconds between two writes of the witness's file

log = structlog.get_logger("store")


class GuardedLease:
    """A lease that ends for us when another store is accepted, though a snapshot may have brought it there."""

    def __init__(self, lease: Lease, witness: Witness, contact: Contact) -> None:
        self._lease, self._witness, self._contact = lease, witness, contact
        self._acceptances = witness.acceptances

    @property
    def ttl(self) -> float:
        """Seconds that it lives without a renewal."""
        return self._lease.ttl

    async def renew(self) -> None:
        """Start its time anew."""
        lease = self.there()
        with self._contact.asked():
            await lease.renew()

    async def revoke(self) -> None:
        """End it now."""
        await self._lease.revoke()

    def there(self) -> Lease:
        """The lease in the store; raises `LeaseLost` when it is another's."""
        if self._acceptances != self._witness.acceptances:
            raise LeaseLost("another store was accepted since the lease was granted")
        return self._lease


class Guard:
    """A `Store` whose every verb, and every open watch, raises `StoreHeld` while the store is not the one we knew."""

    def __init__(self, driver: Driver, witness: Witness, keyspace: Keyspace) -> None:
        self._driver = driver
        self._store = driver.shown_to(witness.inspect)
        self._witness = witness
        self._keyspace = keyspace
        self._contact = Contact()
        self._open: set[asyncio.Timeout] = set()  # the watches that wait for a batch

    @property
    def held(self) -> str | None:
        """Why the store is held, None when it is not."""
        return self._witness.held

    @property
    def lost(self) -> str | None:
        """Why and for how long the store does not answer, None when it does."""
        return self._contact.lost

    async def get(self, key: str) -> Entry | None:
        """See `Store.get`."""
        with self._contact.asked():
            return await self._store.get(key)

    async def list(self, prefix: str) -> Listing:
        """See `Store.list`."""
        with self._contact.asked():
            return await self._store.list(prefix)

    async def put(self, key: str, value: bytes, *, expect: Expected = ANY, lease: Lease | None = None) -> int:
        """See `Store.put`."""
        there = lease.there() if isinstance(lease, GuardedLease) else lease
        with self._contact.asked():
            return await self._store.put(key, value, expect=expect, lease=there)

    async def delete(self, key: str, *, expect: Expected = ANY) -> bool:
        """See `Store.delete`."""
        with self._contact.asked():
            return await self._store.delete(key, expect=expect)

    async def lease(self, ttl: float) -> Lease:
        """See `Store.lease`."""
        with self._contact.asked():
            return GuardedLease(await self._store.lease(ttl), self._witness, self._contact)

    async def identity(self) -> Identity:
        """See `Store.identity`."""
        with self._contact.asked():
            return await self._store.identity()

    @asynccontextmanager
    async def watch(self, prefix: str, *, after: int) -> AsyncIterator[AsyncIterator[Batch]]:
        """See `Store.watch`. The store is asked who it is once the watch stands, and so after each broken one.

        A server takes a watch of a revision that it has not reached, and stays silent: that is `HistoryLost` here.
        """
        self._witness.refuse_while_held()
        async with self._store.watch(prefix, after=after) as batches:
            identity = await self.identity()
            if identity.revision < after:
                raise HistoryLost(f"the store is at revision {identity.revision}; asked for after {after}")
            async with aclosing(self._until_held(batches)) as guarded:
                yield guarded

    async def close(self) -> None:
        """Write the witness's file and close the driver."""
        await self._witness.save()
        await self._driver.close()

    async def run(self) -> None:
        """Keep the witness's file up to date, and the door, and tell of the store's silences: for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_the_witness(), name="keep the witness")
            group.create_task(self._keep_the_door(), name="keep the door")
            group.create_task(self._contact.tell(), name="tell of the store's silences")

    async def _keep_the_witness(self) -> None:
        while True:
            await self._witness.changed.wait()
            await self._witness.save()
            await asyncio.sleep(WRITE_AT_MOST_EVERY)

    async def _keep_the_door(self) -> None:
        while True:
            await self._witness.decided.wait()
            now = asyncio.get_running_loop().time()
            for scope in self._open:
                scope.reschedule(now)
            while self._witness.held:
                await asyncio.sleep(random.uniform(LOOK_AGAIN / 2, LOOK_AGAIN))
                try:
                    await self._look()
                except StoreUnavailable as error:
                    log.debug("cannot look for an acceptance", reason=str(error))

    async def _look(self) -> None:
        """Open the door: to the known store that is back, or to one accepted after our last contact with that one."""
        acceptance = await find_acceptance(self._driver, self._keyspace)
        identity = await self._driver.identity()
        if self._witness.knows(identity):
            log.info("the known store is back", cluster=identity.cluster, revision=identity.revision)
            self._witness.accept(identity)
        elif acceptance and acceptance.cluster == identity.cluster and acceptance.at > self._witness.contact:
            log.info("the store was accepted", cluster=identity.cluster, revision=identity.revision)
            self._witness.accept(identity)

    async def _until_held(self, batches: AsyncIterator[Batch]) -> AsyncGenerator[Batch, None]:
        while True:
            self._witness.refuse_while_held()
            try:
                async with asyncio.timeout(None) as scope:
                    self._open.add(scope)
                    try:
                        batch = await anext(batches)
                    finally:
                        self._open.discard(scope)
            except TimeoutError:
                raise StoreHeld(self.held or "the store was held") from None
            self._witness.came_to(batch.revision)
            yield batch
