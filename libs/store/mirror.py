"""A live, typed copy of a collection, or of a subtree of it."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Generic, TypeVar

import structlog

from libs.keyspace import BadKey, BadRecord, Collection, Document
from libs.store.errors import HistoryLost, StoreUnavailable
from libs.store.held import Held, Moved, Packed, Turn, Turns, Whole
from libs.store.shelf import Stored, read
from libs.store.store import Batch, Entry, Listing, Store

D = TypeVar("D", bound=Document)

FIRST_PAUSE = 0.02  # seconds after a broken watch; doubled up to LONGEST_PAUSE, each with jitter
LONGEST_PAUSE = 1.0
LONG = 256  # changes, of which not all documents are read at once

__all__ = ["Mirror", "Moved"]

log = structlog.get_logger("mirror")


class Mirror(Generic[D]):
    """Holds what the store holds below a prefix: lists at revision R, watches after R, and lists again on any doubt.

    While the store is away it holds what it had. A record that vanished is reported only from the watch, or by the
    difference of two complete lists. A value that is no record is named in `bad`; the last good one stays in its place.

    With `recent`, it holds values packed as they are stored, and only so many documents beside them; see `held`.
    """

    def __init__(self, store: Store, collection: Collection[D], *under: str, recent: int | None = None) -> None:
        self._store = store
        self._collection = collection
        self._prefix = collection.under(*under)
        self._held: Held[D] = Whole() if recent is None else Packed(collection, recent)
        self._keys: list[str] = []  # sorted
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
        return self._held.get(self._collection.key(*parts))

    def items(self, *under: str | int) -> list[tuple[tuple[str, ...], D]]:
        """The documents below these components with their own components, sorted by key."""
        prefix = self._collection.under(*under)
        first = bisect_left(self._keys, prefix)
        last = bisect_left(self._keys, prefix[:-1] + "0", lo=first)  # "0" is what follows "/"
        found = map(self._held.get, self._keys[first:last])
        return [(stored.parts, stored.document) for stored in found if stored is not None]

    async def run(self) -> None:
        """Keep it so, for ever."""
        pause = FIRST_PAUSE
        while True:
            try:
                self._apply_listing(await self._store.list(self._prefix))  # and forget it: it is the whole collection
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
        gone = [key for key in self._keys if key not in present]
        for key in self._bad.keys() - present:
            del self._bad[key]
        turns = [*map(self._take_away, gone), *map(self._take, listing.entries)]
        self.revision = listing.revision
        first = not self.complete
        self._complete.set()
        changed = [turn for turn in turns if turn is not None]
        if changed or first:
            self._tell(self._moves(changed))

    def _apply_batch(self, batch: Batch) -> None:
        turns = [self._take(change.entry) if change.entry else self._take_away(change.key) for change in batch.changes]
        self.revision = batch.revision
        if changed := [turn for turn in turns if turn is not None]:
            self._tell(self._moves(changed))

    def _take(self, entry: Entry) -> Turn | None:
        """Hold an entry; None when it is held already, or is no record."""
        if self._held.is_same(entry):
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
        old = self._held.form(entry.key)
        if old is None:
            insort(self._keys, entry.key)
        return entry.key, stored.parts, old, self._held.take(entry, stored)

    def _take_away(self, key: str) -> Turn | None:
        """Hold an entry no more; None when none was held."""
        self._bad.pop(key, None)
        old = self._held.form(key)
        if old is None:
            return None
        self._held.drop(key)
        del self._keys[bisect_left(self._keys, key)]
        return key, self._collection.parse(key), old, None

    def _moves(self, turns: Sequence[Turn]) -> Sequence[Moved[D]]:
        moves = Turns(self._held, turns)
        return moves if len(moves) > LONG else list(moves)

    def _tell(self, changes: Sequence[Moved[D]]) -> None:
        for callback in self._callbacks:
            callback(changes)
