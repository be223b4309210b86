"""The store over one connection: its verbs, watches and leases."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, cast

from etcd3aio._protobuf import Compare, RequestOp  # the package names no compare by revision
from etcd3aio.kv import KVService, SortOrder, prefix_range_end

from libs.store.driver import Inspect, unseen
from libs.store.drivers.etcd3.connection import CALL, Connection, translated
from libs.store.errors import HistoryLost, LeaseLost, StaleRevision, StoreUnavailable
from libs.store.store import ABSENT, ANY, Batch, Change, Entry, Expected, Identity, Lease, Listing

PAGE = 250  # entries asked for at once by a list


class Etcd3Lease:
    """A lease of etcd's."""

    def __init__(self, connection: Connection, inspect: Inspect, id_: int, ttl: float) -> None:
        self.id = id_
        self._connection, self._inspect, self._ttl = connection, inspect, ttl

    @property
    def ttl(self) -> float:
        """Seconds that it lives without a renewal."""
        return self._ttl

    async def renew(self) -> None:
        """Start its time anew. The answer may come from a member that lags behind: it is not inspected."""
        self._inspect()
        left = await self._connection.call(self._keep_alive)
        if left <= 0:
            raise LeaseLost(f"lease {self.id:x} ended")

    async def revoke(self) -> None:
        """End it now."""
        self._inspect()
        try:
            await self._connection.call(lambda: self._connection.leases.revoke(self.id, timeout=CALL))
        except LeaseLost:
            return

    async def _keep_alive(self) -> int:
        stream = self._connection.leases.keep_alive(self.id)
        try:
            async with asyncio.timeout(CALL):
                async for answer in stream:
                    return int(answer.TTL)
        finally:
            stream.cancel()
        raise StoreUnavailable("etcd ended the renewal without an answer")


class Etcd3Store:
    """A client of etcd. `probe` is a key that the client may read, there or not: for the question who is there."""

    durable = True

    def __init__(self, connection: Connection, *, probe: str, inspect: Inspect = unseen) -> None:
        self._connection = connection
        self._probe = probe
        self._inspect = inspect

    def shown_to(self, inspect: Inspect) -> Etcd3Store:
        """This client, its answers shown to `inspect` first."""
        return Etcd3Store(self._connection, probe=self._probe, inspect=inspect)

    async def get(self, key: str) -> Entry | None:
        """See `Store.get`."""
        answer = await self._ask(lambda: self._connection.kv.get(key, timeout=CALL))
        return _entry(answer.kvs[0]) if answer.kvs else None

    async def list(self, prefix: str) -> Listing:
        """See `Store.list`. Read in pages of one revision, so that neither side holds up for long."""
        while True:
            try:
                return await self._list(prefix)
            except HistoryLost:  # that revision was compacted between two pages
                continue

    async def _list(self, prefix: str) -> Listing:
        end = prefix_range_end(prefix)
        begin, revision = prefix.encode(), 0
        entries: list[Entry] = []
        while True:
            page = await self._ask(
                lambda begin=begin, revision=revision: self._connection.kv.get(  # type: ignore[misc]
                    begin, end, revision=revision, limit=PAGE, sort_order=SortOrder.ASCEND, timeout=CALL
                )
            )
            revision = revision or page.header.revision
            entries += [_entry(kv) for kv in page.kvs]
            if not page.more:
                return Listing(tuple(entries), revision)
            begin = page.kvs[-1].key + b"\0"

    async def put(self, key: str, value: bytes, *, expect: Expected = ANY, lease: Lease | None = None) -> int:
        """See `Store.put`."""
        if not isinstance(lease, Etcd3Lease | None):
            raise TypeError(f"{lease!r} is no lease of etcd's")
        id_ = lease.id if lease is not None else 0
        if expect is ANY:
            answer = await self._ask(lambda: self._connection.kv.put(key, value, lease=id_, timeout=CALL))
        else:
            answer = await self._swap(key, expect, KVService.txn_op_put(key, value, lease=id_))
        return int(answer.header.revision)

    async def delete(self, key: str, *, expect: Expected = ANY) -> bool:
        """See `Store.delete`."""
        if expect is ANY:
            answer = await self._ask(lambda: self._connection.kv.delete(key, timeout=CALL))
            return bool(answer.deleted)
        answer = await self._swap(key, expect, KVService.txn_op_delete(key))
        return bool(answer.responses[0].response_delete_range.deleted)

    async def lease(self, ttl: float) -> Etcd3Lease:
        """See `Store.lease`."""
        answer = await self._ask(lambda: self._connection.leases.grant(max(1, math.ceil(ttl)), timeout=CALL))
        return Etcd3Lease(self._connection, self._inspect, answer.ID, float(answer.TTL))

    async def identity(self) -> Identity:
        """See `Store.identity`."""
        answer = await self._ask(lambda: self._connection.kv.get(self._probe, keys_only=True, timeout=CALL))
        return _identity(answer)

    async def close(self) -> None:
        """Close the channel, for every client of it."""
        await self._connection.channel.close()

    @asynccontextmanager
    async def watch(self, prefix: str, *, after: int) -> AsyncIterator[AsyncIterator[Batch]]:
        """See `Store.watch`. It stands once entered.

        It is asked for from `after` itself, which is known already: a compaction at `after + 1` keeps that revision but
        forgets its deletions (etcd issue 19179), and only so is it told.
        """
        stream = cast(
            AsyncGenerator[Any, None],
            self._connection.watches.watch(
                prefix, prefix_range_end(prefix), start_revision=max(1, after), progress_notify=True
            ),
        )
        async with aclosing(stream):
            with translated():
                async with asyncio.timeout(CALL):
                    first = await anext(stream, None)
            if first is None or first.canceled:
                raise StoreUnavailable(f"etcd refused a watch: {first.cancel_reason if first else 'no answer'}")
            async with aclosing(_batches(stream, after)) as batches:
                yield batches

    async def _swap(self, key: str, expect: Expected, change: RequestOp) -> Any:
        revision = 0 if expect is ABSENT else cast(int, expect)  # a key that is not there has modification revision 0
        compare = Compare(result=Compare.EQUAL, target=Compare.MOD, key=key.encode(), mod_revision=revision)
        answer = await self._ask(lambda: self._connection.kv.txn([compare], [change], timeout=CALL))
        if not answer.succeeded:
            raise StaleRevision(key, expect)
        return answer

    async def _ask(self, verb: Callable[[], Awaitable[Any]]) -> Any:
        """Do one call, and show who answered it to the inspector."""
        judge = self._inspect()
        answer = await self._connection.call(verb)
        judge(_identity(answer))
        return answer


async def _batches(stream: AsyncIterator[Any], after: int) -> AsyncGenerator[Batch, None]:
    """The changes after a revision. Those of one revision come together; a header's revision may be ahead of them."""
    changes: list[Change] = []
    with translated():
        async for answer in stream:
            if answer.compact_revision:
                raise HistoryLost(
                    f"etcd compacted its history up to {answer.compact_revision}; asked for after {after}"
                )
            if answer.created or answer.canceled:
                raise StoreUnavailable(f"etcd ended the watch: {answer.cancel_reason or 'it began anew'}")
            changes += [_change(event) for event in answer.events if event.kv.mod_revision > after]
            if answer.fragment:
                continue
            reached = changes[-1].revision if changes else after if answer.events else int(answer.header.revision)
            if reached > after:
                yield Batch(tuple(changes), reached)
                after, changes = reached, []
    raise StoreUnavailable("etcd ended the watch")


def _identity(answer: Any) -> Identity:
    header = answer.header
    return Identity(f"{header.cluster_id:x}", int(header.revision), int(header.raft_term))


def _entry(kv: Any) -> Entry:
    return Entry(kv.key.decode(errors="backslashreplace"), kv.value, int(kv.mod_revision), int(kv.create_revision))


def _change(event: Any) -> Change:
    entry = _entry(event.kv)
    deleted = event.type == event.DELETE
    return Change(entry.key, None if deleted else entry, entry.revision)
