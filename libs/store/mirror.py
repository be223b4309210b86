"""A live, typed copy of a collection, or of a subtree of it."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic, TypeVar

import structlog

from libs.keyspace import BadKey, BadRecord, Collection, Document
from libs.store.errors import HistoryLost, StoreUnavailable
from libs.store.shelf import Stored, read
from libs.store.store import Batch, Entry, Listing, Store

D = TypeVar("D", bound=Document)

FIRST_PAUSE = 0.02  # seconds after a broken watch; doubled up to LONGEST_PAUSE, each with jitter
LONGEST_PAUSE = 1.0

log = structlog.get_logger("mirror")


@dataclass(frozen=True)
class Moved(Generic[D]):
    """One changed record: `old` is None when it is new, `new` when it was deleted."""

    parts: tuple[str, ...]
    old: D | None
    new: D | None


class Mirror(Generic[D]):
    """Holds what the store holds below a prefix: lists at revision R, watches after R, and lists again on any doubt.

    While the store is away it holds what it had. A record that vanished is reported only from the watch, or by the
    difference of two complete lists. A value that is no record is named in `bad`; the last good one stays in its place.
    """

    def __init__(self, store: Store, collection: Collection[D], *under: str) -> None:
        self._store = store
        self._collection = collection
        self._prefix = collection.under(*under)
        self._held: dict[str, tuple[Stored[D], int]] = {}  # by key, with a hash of the stored value
        self._keys: list[str] | None = []  # sorted; None when it must be sorted again
        self._bad: dict[str, str] = {}
        self._callbacks: list[Callable[[Sequence[Moved[D]]], None]] = []
        self._complete = asyncio.Event()
        self.current = False
        self.revision = 0

    @property
    def complete(self) -> bool:
        """Whether it was listed at least once: before that, absence means nothing."""
        return self._complete.is_set()

    @property
    def bad(self) -> Mapping[str, str]:
        """The keys whose present value is no record, with the reason."""
        return MappingProxyType(self._bad)

    async def wait_complete(self) -> None:
        """Return once it is complete."""
        await self._complete.wait()

    def on_change(self, callback: Callable[[Sequence[Moved[D]]], None]) -> None:
        """Call back right after each batch of changes, or each new list that differed, was applied.

        Also with nothing when the mirror is first complete, and whenever its watch stands again.
        """
        self._callbacks.append(callback)

    def get(self, *parts: str | int) -> D | None:
        """The document under all components of its key, None when there is none."""
        stored = self.stored(*parts)
        return stored.document if stored else None

    def stored(self, *parts: str | int) -> Stored[D] | None:
        """The document with its revision."""
        held = self._held.get(self._collection.key(*parts))
        return held[0] if held else None

    def items(self, *under: str | int) -> list[tuple[tuple[str, ...], D]]:
        """The documents below these components with their own components, sorted by key."""
        if self._keys is None:
            self._keys = sorted(self._held)
        prefix = self._collection.under(*under)
        first = bisect_left(self._keys, prefix)
        last = bisect_left(self._keys, prefix[:-1] + "0", lo=first)  # "0" is what follows "/"
        return [(stored.parts, stored.document) for stored, _ in map(self._held.__getitem__, self._keys[first:last])]

    async def run(self) -> None:
        """Keep it so, for ever."""
        pause = FIRST_PAUSE
        while True:
            try:
                listing = await self._store.list(self._prefix)
                self._apply_listing(listing)
                await self._follow()
            except HistoryLost as error:
                log.debug("lists again", prefix=self._prefix, reason=str(error))
            except StoreUnavailable as error:
                log.debug("holds what it has", prefix=self._prefix, reason=str(error))
            finally:
                stood, self.current = self.current, False
            pause = FIRST_PAUSE if stood else min(pause * 2, LONGEST_PAUSE)
            await asyncio.sleep(random.uniform(0, pause))

    async def _follow(self) -> None:
        async with self._store.watch(self._prefix, after=self.revision) as batches:
            self.current = True
            self._tell(())
            async for batch in batches:
                self._apply_batch(batch)

    def _apply_listing(self, listing: Listing) -> None:
        present = {entry.key for entry in listing.entries}
        moved = [self._take_away(key) for key in sorted((self._held.keys() | self._bad.keys()) - present)]
        moved += [self._take(entry) for entry in listing.entries]
        self.revision = listing.revision
        first = not self.complete
        self._complete.set()
        changes = [change for change in moved if change is not None]
        if changes or first:
            self._tell(changes)

    def _apply_batch(self, batch: Batch) -> None:
        moved = [self._take(change.entry) if change.entry else self._take_away(change.key) for change in batch.changes]
        self.revision = batch.revision
        if changes := [change for change in moved if change is not None]:
            self._tell(changes)

    def _take(self, entry: Entry) -> Moved[D] | None:
        """Hold an entry; None when it is held already, or is no record."""
        held = self._held.get(entry.key)
        mark = hash(entry.value)
        if held and (held[0].revision, held[1]) == (entry.revision, mark):
            self._bad.pop(entry.key, None)
            return None
        try:
            stored = read(self._collection, entry)
        except (BadRecord, BadKey) as error:
            if self._bad.get(entry.key) != str(error):
                log.warning("is no record; the last good one is kept", key=entry.key, reason=str(error))
            self._bad[entry.key] = str(error)
            return None
        self._bad.pop(entry.key, None)
        if held is None:
            self._keys = None
        self._held[entry.key] = (stored, mark)
        return Moved(stored.parts, held[0].document if held else None, stored.document)

    def _take_away(self, key: str) -> Moved[D] | None:
        """Hold an entry no more; None when none was held."""
        self._bad.pop(key, None)
        held = self._held.pop(key, None)
        if held is None:
            return None
        self._keys = None
        return Moved(held[0].parts, held[0].document, None)

    def _tell(self, changes: Sequence[Moved[D]]) -> None:
        for callback in self._callbacks:
            callback(changes)
