"""One leader of a role, with an epoch that its writes carry."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import structlog

from libs.keyspace import Collection
from libs.keyspace.records import Leader
from libs.store.errors import HistoryLost, LeaseLost, StaleRevision, StoreUnavailable
from libs.store.store import ABSENT, Entry, Store
from libs.store.tenure import Clock, Tenure, boot_clock

LONGEST_PAUSE = 1.0  # seconds between two campaigns

log = structlog.get_logger("election")


class Election:
    """Campaigns for a role by creating its key under a lease: who created it leads.

    It stops leading before another can begin: `leading` turns false once the lease may have ended by our own clock,
    which started before the server's. The epoch is the revision at which the key was created: it grows from one leader
    to the next.
    """

    def __init__(  # noqa: PLR0913  # the clock is for tests in virtual time
        self,
        store: Store,
        leaders: Collection[Leader],
        role: str,
        *,
        me: Leader,
        ttl: float,
        clock: Clock = boot_clock,
    ) -> None:
        self._store = store
        self._key = leaders.key(role)
        self._role = role
        self._me = me
        self._ttl = ttl
        self._clock = clock
        self._tenure: Tenure | None = None
        self._epoch: int | None = None  # kept when the tenure is over, to know our own old key again
        self._told = False
        self._callbacks: list[Callable[[bool], None]] = []

    @property
    def leading(self) -> bool:
        """Whether we lead now, for sure."""
        return self._tenure is not None and self._tenure.sure

    @property
    def epoch(self) -> int | None:
        """The epoch in which we lead, None when we do not."""
        return self._epoch if self.leading else None

    def on_change(self, callback: Callable[[bool], None]) -> None:
        """Call back when we begin to lead (True) or stop (False)."""
        self._callbacks.append(callback)

    async def run(self) -> None:
        """Campaign for ever; gives the role up at once when cancelled."""
        while True:
            try:
                await self._wait_for_vacancy()
                await self._serve_a_term()
            except* (StoreUnavailable, LeaseLost, HistoryLost, StaleRevision) as group:
                log.debug("campaigns again", role=self._role, reason=str(group.exceptions[0]))
            await asyncio.sleep(random.uniform(0, min(LONGEST_PAUSE, self._ttl / 3)))

    async def _wait_for_vacancy(self) -> None:
        """Return when nobody holds the role. A key that an ended term of ours left behind is deleted."""
        while True:
            listing = await self._store.list(self._key)
            entry = next((entry for entry in listing.entries if entry.key == self._key), None)
            if entry is None:
                return
            if entry.created == self._epoch:
                await self._store.delete(self._key, expect=entry.revision)
                return
            await self._wait_for_change(listing.revision, lambda entry: entry is None)

    async def _serve_a_term(self) -> None:
        """Create the key, lead until the lease or the key is lost, and step down."""
        tenure = await Tenure.begin(self._store, self._ttl, self._clock)
        try:
            epoch = await self._store.put(self._key, self._me.encode(), expect=ABSENT, lease=tenure.lease)
            self._epoch, self._tenure = epoch, tenure
            log.info("leads", role=self._role, epoch=epoch)
            self._tell(leading=self.leading)
            async with asyncio.TaskGroup() as group:
                group.create_task(tenure.keep(), name=f"keep the lease of {self._role}")
                group.create_task(self._watch_over(epoch), name=f"watch over {self._role}")
        finally:
            if self._tenure is not None:
                self._tenure = None
                log.info("leads no more", role=self._role, epoch=self._epoch)
                self._tell(leading=False)
            await tenure.end()

    async def _watch_over(self, epoch: int) -> None:
        """Raise `LeaseLost` when our key is gone. While the store is away it knows nothing: the lease has its clock."""
        while True:
            try:
                entry = await self._store.get(self._key)
                if entry is None or entry.created != epoch:
                    raise LeaseLost(f"the key of {self._role} is gone")
                await self._wait_for_change(entry.revision, lambda entry: entry is None or entry.created != epoch)
            except (StoreUnavailable, HistoryLost):
                await asyncio.sleep(random.uniform(0, min(LONGEST_PAUSE, self._ttl / 3)))

    async def _wait_for_change(self, after: int, wanted: Callable[[Entry | None], bool]) -> None:
        """Return when the key was changed into a wanted state."""
        async with self._store.watch(self._key, after=after) as batches:
            async for batch in batches:
                if any(change.key == self._key and wanted(change.entry) for change in batch.changes):
                    return

    def _tell(self, *, leading: bool) -> None:
        if leading != self._told:
            self._told = leading
            for callback in self._callbacks:
                callback(leading)
