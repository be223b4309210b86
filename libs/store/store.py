"""The seam to etcd: six verbs on keys and bytes, the same over every driver.

Keys are text paths, values bytes. A revision is the store's own counter: it grows with each change of anything, and a
record's revision is that of its last change. Every verb raises `StoreUnavailable` when the store does not answer in
time; a write that raised it may or may not have happened, so writers guard with `expect` and read again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class Expect(Enum):
    """What a write may expect of a key beside a revision."""

    ABSENT = "absent"
    ANY = "any"


ABSENT = Expect.ABSENT
ANY = Expect.ANY
Expected = int | Expect


@dataclass(frozen=True, slots=True)
class Entry:
    """A key with its value, the revision of its last change and the one at which it was created."""

    key: str
    value: bytes
    revision: int
    created: int


@dataclass(frozen=True, slots=True)
class Listing:
    """Every entry below a prefix, sorted by key, as of one revision: watch after that one."""

    entries: tuple[Entry, ...]
    revision: int


@dataclass(frozen=True, slots=True)
class Change:
    """A key's change: `entry` is its new state, None when it was deleted (or its lease ended)."""

    key: str
    entry: Entry | None
    revision: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes in order, complete up to `revision`. An empty batch is progress only."""

    changes: tuple[Change, ...]
    revision: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Which store this is, and how far it has come: what tells a restored one from the one we knew.

    `term` counts the elections of the store's own leader: it grows with each restart of the store (0 where unknown).
    """

    cluster: str
    revision: int
    term: int = 0


class Lease(Protocol):
    """Keys put with it are deleted when it ends."""

    @property
    def ttl(self) -> float:
        """Seconds that it lives without a renewal."""
        ...

    async def renew(self) -> None:
        """Start its time anew; raises `LeaseLost` when it already ended."""
        ...

    async def revoke(self) -> None:
        """End it, and its keys with it, now; ending one that is gone already is fine."""
        ...


class Store(Protocol):
    """A store of small documents with revisions, watches and leases."""

    async def get(self, key: str) -> Entry | None:
        """The entry, None when there is none. A linearizable read."""
        ...

    async def list(self, prefix: str) -> Listing:
        """Every entry whose key begins with `prefix`, as of one revision."""
        ...

    async def put(self, key: str, value: bytes, *, expect: Expected = ANY, lease: Lease | None = None) -> int:
        """Write, and return the new revision. `expect`: a revision, `ABSENT` or `ANY`; else `StaleRevision`.

        Raises `LeaseLost` when the lease ended.
        """
        ...

    async def delete(self, key: str, *, expect: Expected = ANY) -> bool:
        """Delete; False when there was nothing to delete (and `expect` is `ANY`); else as `put`."""
        ...

    def watch(self, prefix: str, *, after: int) -> AbstractAsyncContextManager[AsyncIterator[Batch]]:
        """Changes below `prefix` of revisions greater than `after`, each once and in order.

        The iterator ends only by raising: `HistoryLost` when some of them are gone, `StoreUnavailable` when the stream
        broke.
        """
        ...

    async def lease(self, ttl: float) -> Lease:
        """A new lease of `ttl` seconds (at least 1; servers may round it up)."""
        ...

    async def identity(self) -> Identity:
        """Which store this is, by a linearizable read."""
        ...

    async def close(self) -> None:
        """Let go of connections. Leases are left to end by themselves."""
        ...
