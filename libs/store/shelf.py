"""The typed documents of one collection, changed by compare-and-swap."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from libs.keyspace import BadRecord, Collection, Document
from libs.store.errors import StaleRevision
from libs.store.store import ABSENT, ANY, Entry, Expected, Lease, Store

D = TypeVar("D", bound=Document)

LONGEST_PAUSE = 0.05  # seconds between two tries of an update that lost its race


@dataclass(frozen=True, slots=True)
class Stored(Generic[D]):
    """A document with its place, and the revision of its last change."""

    parts: tuple[str, ...]
    document: D
    revision: int


def read(collection: Collection[D], entry: Entry) -> Stored[D]:
    """The document of an entry; raises `BadKey` or, naming the key, `BadRecord`."""
    parts = collection.parse(entry.key)
    try:
        document = collection.record.decode(entry.value)
    except BadRecord as error:
        raise BadRecord(error.kind, f"{entry.key}: {error.reason}") from error
    return Stored(parts, document, entry.revision)


class Shelf(Generic[D]):
    """Reads and writes one collection's documents. Errors are the store's, and `BadRecord` for a value that is none."""

    def __init__(self, store: Store, collection: Collection[D]) -> None:
        self._store = store
        self._collection = collection

    async def get(self, *parts: str | int) -> Stored[D] | None:
        """The document, None when there is none."""
        entry = await self._store.get(self._collection.key(*parts))
        return read(self._collection, entry) if entry else None

    async def list(self, *under: str | int) -> list[Stored[D]]:
        """Every document below these components, sorted by key; one bad record fails it, for absence would be a lie."""
        listing = await self._store.list(self._collection.under(*under))
        return [read(self._collection, entry) for entry in listing.entries]

    async def create(self, document: D, *parts: str | int, lease: Lease | None = None) -> int:
        """Write a document where there is none, and return its revision; else `StaleRevision`."""
        return await self.put(document, *parts, expect=ABSENT, lease=lease)

    async def put(self, document: D, *parts: str | int, expect: Expected = ANY, lease: Lease | None = None) -> int:
        """Write, and return the new revision; see `Store.put`."""
        return await self._store.put(self._collection.key(*parts), document.encode(), expect=expect, lease=lease)

    async def update(self, change: Callable[[D], D], *parts: str | int) -> Stored[D] | None:
        """Read, change, compare-and-swap, again until it succeeds; None when there is no document.

        Nothing is written when `change` returns an equal document. `change` may be called several times and may raise.
        Not for leased keys: the write would take the lease away.
        """
        while True:
            stored = await self.get(*parts)
            if stored is None:
                return None
            changed = change(stored.document)
            if changed == stored.document:
                return stored
            try:
                revision = await self.put(changed, *parts, expect=stored.revision)
            except StaleRevision:
                await asyncio.sleep(random.uniform(0, LONGEST_PAUSE))
            else:
                return Stored(stored.parts, changed, revision)

    async def delete(self, *parts: str | int, expect: Expected = ANY) -> bool:
        """Delete; False when there was nothing to delete; see `Store.delete`."""
        return await self._store.delete(self._collection.key(*parts), expect=expect)
