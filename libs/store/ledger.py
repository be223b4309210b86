"""A revisioned key space in memory, as etcd keeps one: entries, history, compaction, leases. No I/O, no clock."""

from __future__ import annotations

import itertools
import uuid
from bisect import bisect_right
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field

from libs.store.errors import HistoryLost, LeaseLost, StaleRevision, TooLarge
from libs.store.store import ABSENT, ANY, Batch, Change, Entry, Expected, Identity, Listing

LARGEST = 1_572_864  # bytes of a value: etcd's limit of a request (--max-request-bytes)
HISTORY = 20_000  # changes kept; the older half is compacted away beyond it


@dataclass
class Pages:
    """The content of a ledger: what a snapshot carries."""

    revision: int = 1  # etcd's first one
    entries: dict[str, Entry] = field(default_factory=dict)
    lease_of: dict[str, int] = field(default_factory=dict)
    leases: set[int] = field(default_factory=set)


class Ledger:
    """Keeps what etcd keeps true: one revision a write, the history in order, a lease's keys ended in one revision.

    `listeners` are called after each change; a listener reads on with `changes`. `restarts` counts restores.
    """

    def __init__(self) -> None:
        self.cluster = uuid.uuid4().hex[:16]
        self.pages = Pages()
        self.compacted = 0
        self.restarts = 0
        self.listeners: set[Callable[[], None]] = set()
        self._history: list[Change] = []
        self._ids = itertools.count(1)

    @property
    def revision(self) -> int:
        """The revision of the last write."""
        return self.pages.revision

    @property
    def identity(self) -> Identity:
        """Which store this is; each restore begins a term, as a restart does."""
        return Identity(self.cluster, self.revision, self.restarts)

    def get(self, key: str) -> Entry | None:
        """The entry, None when there is none."""
        return self.pages.entries.get(key)

    def list(self, prefix: str) -> Listing:
        """The entries below a prefix, sorted by key."""
        entries = self.pages.entries
        found = tuple(entries[key] for key in sorted(key for key in entries if key.startswith(prefix)))
        return Listing(found, self.revision)

    def put(self, key: str, value: bytes, *, expect: Expected = ANY, lease: int | None = None) -> int:
        """Write; raises `StaleRevision` first, then `LeaseLost`, as etcd's transaction does."""
        if len(value) > LARGEST:
            raise TooLarge(f"{key}: {len(value)} bytes; etcd takes requests of at most {LARGEST}")
        old = self._expected(key, expect)
        if lease is not None and lease not in self.pages.leases:
            raise LeaseLost(f"the lease of {key} ended")
        pages = self.pages
        pages.revision += 1
        entry = Entry(key, value, pages.revision, old.created if old else pages.revision)
        pages.entries[key] = entry
        pages.lease_of.pop(key, None)
        if lease is not None:
            pages.lease_of[key] = lease
        self._changed(Change(key, entry, pages.revision))
        return pages.revision

    def delete(self, key: str, *, expect: Expected = ANY) -> bool:
        """Delete; a key that is not there takes no revision."""
        if self._expected(key, expect) is None:
            return False
        self._drop(key)
        return True

    def grant(self) -> int:
        """A new lease's id."""
        lease = next(self._ids)
        self.pages.leases.add(lease)
        return lease

    def revoke(self, lease: int) -> None:
        """End a lease, and its keys with it in one revision."""
        if lease in self.pages.leases:
            self.pages.leases.remove(lease)
            self._drop(*sorted(key for key, owner in self.pages.lease_of.items() if owner == lease))

    def changes(self, prefix: str, after: int) -> Batch:
        """What changed below a prefix since a revision; raises `HistoryLost` when some of it was compacted."""
        if after < self.compacted:
            raise HistoryLost(f"the history up to revision {self.compacted} was compacted; asked for after {after}")
        first = bisect_right(self._history, after, key=lambda change: change.revision)
        news = tuple(change for change in self._history[first:] if change.key.startswith(prefix))
        return Batch(news, max(after, self.revision))

    def compact(self, revision: int | None = None) -> None:
        """Forget the history up to a revision (default: all of it)."""
        self.compacted = max(self.compacted, min(revision or self.revision, self.revision))
        self._history = [change for change in self._history if change.revision > self.compacted]

    def snapshot(self) -> Pages:
        """A copy of the content."""
        return deepcopy(self.pages)

    def restore(self, pages: Pages) -> None:
        """Become what a snapshot holds: without history, with its revision, even a lower one."""
        self.pages = deepcopy(pages)
        self._history, self.compacted = [], pages.revision
        self.restarts += 1
        self._tell()

    def _expected(self, key: str, expect: Expected) -> Entry | None:
        entry = self.pages.entries.get(key)
        present = entry.revision if entry else 0
        wanted = {ABSENT: 0, ANY: present}[expect] if not isinstance(expect, int) else expect
        if present != wanted:
            raise StaleRevision(key, expect)
        return entry

    def _drop(self, *keys: str) -> None:
        if keys:
            self.pages.revision += 1
            for key in keys:
                del self.pages.entries[key]
                self.pages.lease_of.pop(key, None)
            self._changed(*(Change(key, None, self.revision) for key in keys))

    def _changed(self, *changes: Change) -> None:
        self._history.extend(changes)
        if len(self._history) > HISTORY:
            self.compact(self._history[HISTORY // 2].revision)
        self._tell()

    def _tell(self) -> None:
        for listener in tuple(self.listeners):
            listener()
