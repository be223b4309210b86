"""The records of one writer: what the store has of them, with the writer's own writes in front.

A mirror stands a moment behind; a loop that looked at it right after a write would write again. Here a write is seen at
once, and gives way to the mirror as soon as the mirror has come as far.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from libs.keyspace import Collection, Document
from libs.store.errors import StoreError
from libs.store.mirror import Mirror, Moved
from libs.store.shelf import Shelf
from libs.store.store import ABSENT, ANY, Expected, Store

D = TypeVar("D", bound=Document)
Parts = tuple[str, ...]

IN_FLIGHT = 16  # writes at a time


@dataclass(frozen=True, slots=True)
class _Written(Generic[D]):
    """A write that the mirror has not shown yet: a put at `revision`, or (None) a delete of what was put there."""

    document: D | None
    revision: int


class Owned(Generic[D]):
    """Documents that only this process writes. Reads never wait; each write is one compare-and-swap of one key."""

    def __init__(self, store: Store, collection: Collection[D], mirror: Mirror[D]) -> None:
        self._shelf = Shelf(store, collection)
        self._collection = collection
        self._mirror = mirror
        self._ahead: dict[Parts, _Written[D]] = {}
        self._writing: dict[Parts, D | None] = {}
        self._reached = 0  # the revision at which we saw the mirror last
        self._listeners: list[Callable[[], None]] = []
        mirror.on_change(self._moved)

    def on_news(self, callback: Callable[[], None]) -> None:
        """Call when the mirror tells anything but our own writes."""
        self._listeners.append(callback)

    def get(self, *parts: str) -> D | None:
        """The record as we last wrote it, or as the mirror has it."""
        written = self._ahead.get(parts)
        return self._mirror.get(*parts) if written is None else written.document

    def all(self) -> dict[Parts, D]:
        """Every record."""
        found = dict(self._mirror.items())
        for parts, written in self._ahead.items():
            if written.document is None:
                found.pop(parts, None)
            else:
                found[parts] = written.document
        return found

    async def apply(self, puts: Iterable[tuple[Parts, D]], deletes: Iterable[Parts] = ()) -> int:
        """Make these writes, deletes first, leaving out those that change nothing; returns how many there were.

        All are tried, then the first error is raised: `StoreUnavailable`, or `StaleRevision` if the mirror is behind.
        """
        gone = [parts for parts in deletes if self.get(*parts) is not None]
        new = {parts: document for parts, document in puts if self.get(*parts) != document or self._is_bad(parts)}
        errors: list[StoreError] = []
        free = asyncio.Semaphore(IN_FLIGHT)

        async def write(parts: Parts, document: D | None) -> None:
            async with free:
                self._writing[parts] = document
                try:
                    await self._write(parts, document)
                except StoreError as error:
                    errors.append(error)
                finally:
                    del self._writing[parts]

        async with asyncio.TaskGroup() as group:
            for parts in gone:
                group.create_task(write(parts, None), name=f"delete {'/'.join(parts)}")
            for parts, document in new.items():
                group.create_task(write(parts, document), name=f"put {'/'.join(parts)}")
        if errors:
            raise errors[0]
        return len(gone) + len(new)

    def _is_bad(self, parts: Parts) -> bool:
        """What the mirror last saw there is no record."""
        bad = self._mirror.bad
        return bool(bad) and parts not in self._ahead and self._collection.key(*parts) in bad

    def _expected(self, parts: Parts) -> Expected:
        """What the key should be at; a value that is no record is ours to replace as it is."""
        written = self._ahead.get(parts)
        if written is not None:
            return ABSENT if written.document is None else written.revision
        if self._is_bad(parts):
            return ANY
        stored = self._mirror.stored(*parts)
        return stored.revision if stored else ABSENT

    async def _write(self, parts: Parts, document: D | None) -> None:
        expected = self._expected(parts)
        if document is not None:
            revision = await self._shelf.put(document, *parts, expect=expected)
            if self._mirror.revision < revision:
                self._ahead[parts] = _Written(document, revision)
        elif expected is not ABSENT:
            await self._shelf.delete(*parts, expect=expected)
            if isinstance(expected, int):
                self._ahead[parts] = _Written(None, expected)
                self._settle(parts)

    def _settle(self, parts: Parts) -> None:
        """Forget a write that the mirror has caught up with."""
        written = self._ahead[parts]
        if self._mirror.revision < written.revision:
            return
        stored = self._mirror.stored(*parts)
        if written.document is not None or stored is None or stored.revision > written.revision:
            del self._ahead[parts]

    def _ours(self, move: Moved[D]) -> bool:
        """It is the echo of a write that is on its way, or that was answered already."""
        if move.parts in self._writing:
            return self._writing[move.parts] == move.new
        written = self._ahead.get(move.parts)
        return written is not None and written.document == move.new

    def _moved(self, moves: Sequence[Moved[D]]) -> None:
        news = not moves or not all(self._ours(move) for move in moves)
        if self._mirror.revision < self._reached:  # a restored store, accepted: our writes are not in it
            self._ahead.clear()
        self._reached = self._mirror.revision
        for parts in list(self._ahead):
            self._settle(parts)
        if news:
            for listener in self._listeners:
                listener()
