"""What every store keeps true, whoever drives it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from libs.store import (
    ABSENT,
    Batch,
    Change,
    HistoryLost,
    Identity,
    LeaseLost,
    StaleRevision,
    Store,
    StoreHeld,
    TooLarge,
)
from libs.store.driver import Driver, Judge
from tests.contract.store.conftest import Compact

DEADLINE = 20.0


async def next_changes(batches: AsyncIterator[Batch], count: int = 1) -> list[Change]:
    """The next changes, however they are batched."""
    changes: list[Change] = []
    async with asyncio.timeout(DEADLINE):
        while len(changes) < count:
            changes += (await anext(batches)).changes
    return changes


async def test_what_is_put_is_got_with_its_revisions(store: Store, root: str) -> None:
    assert await store.get(f"{root}/a") is None
    first = await store.put(f"{root}/a", b"1")
    second = await store.put(f"{root}/a", b"2")
    entry = await store.get(f"{root}/a")
    assert entry is not None
    assert (entry.key, entry.value, entry.created, entry.revision) == (f"{root}/a", b"2", first, second)
    assert second > first


async def test_any_bytes_are_a_value_and_any_text_is_a_key(store: Store, root: str) -> None:
    for key, value in ((f"{root}/é-中/%2F", b"\x00\xff\x00"), (f"{root}/empty", b"")):
        await store.put(key, value)
        entry = await store.get(key)
        assert entry is not None
        assert (entry.key, entry.value) == (key, value)


async def test_a_listing_is_sorted_and_of_its_prefix_alone(store: Store, root: str) -> None:
    for name in ("b/2", "b/10", "b/1", "bb/1", "a", "b"):
        await store.put(f"{root}/{name}", name.encode())
    listing = await store.list(f"{root}/b/")
    assert [entry.key for entry in listing.entries] == [f"{root}/b/{name}" for name in ("1", "10", "2")]
    assert (await store.list(f"{root}/none/")).entries == ()


async def test_a_listing_of_many_is_complete_and_as_of_one_revision(store: Store, root: str) -> None:
    names = [f"{number:05}" for number in range(2100)]
    for begin in range(0, len(names), 50):
        async with asyncio.TaskGroup() as group:
            for name in names[begin : begin + 50]:
                group.create_task(store.put(f"{root}/{name}", b"x" * 100))
    listing = await store.list(f"{root}/")
    assert [entry.key for entry in listing.entries] == [f"{root}/{name}" for name in names]
    assert listing.revision >= max(entry.revision for entry in listing.entries)


async def test_a_write_under_a_listing_is_seen_by_the_watch_after_it(store: Store, root: str) -> None:
    """Reading on from any listing's revision, nothing is missed and nothing comes twice."""
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(write_numbers(store, root, 300))
        listing = await store.list(f"{root}/")
        while not writing.done() and len(listing.entries) < 100:
            listing = await store.list(f"{root}/")
    listed = [entry.value for entry in listing.entries]
    async with store.watch(f"{root}/", after=listing.revision) as batches:
        rest = [change.entry.value for change in await next_changes(batches, 300 - len(listed)) if change.entry]
    assert sorted(listed) + rest == [b"%03d" % number for number in range(300)]


async def write_numbers(store: Store, root: str, count: int) -> None:
    for number in range(count):
        await store.put(f"{root}/{number}", b"%03d" % number)


async def test_a_key_is_created_once(store: Store, root: str) -> None:
    await store.put(f"{root}/a", b"mine", expect=ABSENT)
    with pytest.raises(StaleRevision):
        await store.put(f"{root}/a", b"theirs", expect=ABSENT)
    entry = await store.get(f"{root}/a")
    assert entry is not None
    assert entry.value == b"mine"


async def test_a_swap_needs_the_present_revision(store: Store, root: str) -> None:
    old = await store.put(f"{root}/a", b"1")
    new = await store.put(f"{root}/a", b"2", expect=old)
    for stale in (old, new + 1000):
        with pytest.raises(StaleRevision):
            await store.put(f"{root}/a", b"3", expect=stale)
    with pytest.raises(StaleRevision):
        await store.put(f"{root}/none", b"3", expect=new)
    assert await store.put(f"{root}/a", b"3", expect=new) > new


async def test_deleting_tells_whether_there_was_anything(store: Store, root: str) -> None:
    assert await store.delete(f"{root}/a") is False
    await store.put(f"{root}/a", b"1")
    assert await store.delete(f"{root}/a") is True
    assert await store.get(f"{root}/a") is None
    assert await store.delete(f"{root}/a") is False
    assert await store.delete(f"{root}/a", expect=ABSENT) is False


async def test_a_delete_needs_the_present_revision(store: Store, root: str) -> None:
    old = await store.put(f"{root}/a", b"1")
    new = await store.put(f"{root}/a", b"2")
    for stale in (old, ABSENT):
        with pytest.raises(StaleRevision):
            await store.delete(f"{root}/a", expect=stale)
    assert await store.delete(f"{root}/a", expect=new) is True
    with pytest.raises(StaleRevision):
        await store.delete(f"{root}/a", expect=new)


async def test_of_fifty_writers_none_loses_an_update(store: Store, root: str) -> None:
    await store.put(f"{root}/count", b"0")

    async def add_one() -> None:
        while True:
            entry = await store.get(f"{root}/count")
            assert entry is not None
            try:
                await store.put(f"{root}/count", b"%d" % (int(entry.value) + 1), expect=entry.revision)
            except StaleRevision:
                continue
            return

    async with asyncio.TaskGroup() as group:
        for _ in range(50):
            group.create_task(add_one())
    entry = await store.get(f"{root}/count")
    assert entry is not None
    assert entry.value == b"50"


async def test_a_watch_tells_each_change_once_and_in_order(store: Store, root: str) -> None:
    begun = await store.put(f"{root}/a", b"0")
    first = await store.put(f"{root}/a", b"1")
    async with store.watch(f"{root}/", after=begun) as batches:
        second = await store.put(f"{root}/b", b"2")
        await store.put(f"{root}-other", b"unseen")
        await store.delete(f"{root}/a")
        last = await store.put(f"{root}/a", b"3")
        changes = await next_changes(batches, 4)
    seen = [(change.key[len(root) :], change.entry.value if change.entry else None) for change in changes]
    assert seen == [("/a", b"1"), ("/b", b"2"), ("/a", None), ("/a", b"3")]
    assert [change.revision for change in changes] == [first, second, second + 2, last]
    assert changes[3].entry is not None
    assert changes[3].entry.created == last


async def test_a_batch_never_claims_more_than_it_carries(store: Store, root: str) -> None:
    """Going on after any batch's revision misses nothing."""
    begun = await store.put(f"{root}/0", b"")
    for number in range(1, 40):
        await store.put(f"{root}/{number}", b"")
    seen: list[str] = []
    after = begun
    while len(seen) < 39:
        async with asyncio.timeout(DEADLINE), store.watch(f"{root}/", after=after) as batches:
            batch = await anext(batches)
        seen += [change.key for change in batch.changes]
        after = batch.revision
    assert seen == [f"{root}/{number}" for number in range(1, 40)]


async def test_the_ends_of_a_lease_s_keys_are_one_revision(store: Store, root: str) -> None:
    lease = await store.lease(30)
    for name in ("a", "b", "c"):
        revision = await store.put(f"{root}/{name}", b"", lease=lease)
    async with store.watch(f"{root}/", after=revision) as batches:
        await lease.revoke()
        async with asyncio.timeout(DEADLINE):
            batch = await anext(batches)
            while not batch.changes:
                batch = await anext(batches)
    assert {change.key for change in batch.changes} == {f"{root}/{name}" for name in ("a", "b", "c")}
    assert {change.revision for change in batch.changes} == {batch.revision}
    assert (await store.list(f"{root}/")).entries == ()


async def test_a_lease_that_nobody_renews_ends_with_its_keys(store: Store, root: str) -> None:
    lease = await store.lease(1)
    revision = await store.put(f"{root}/a", b"", lease=lease)
    async with store.watch(f"{root}/", after=revision) as batches:
        assert [change.entry for change in await next_changes(batches)] == [None]
    with pytest.raises(LeaseLost):
        await lease.renew()
    with pytest.raises(LeaseLost):
        await store.put(f"{root}/a", b"", lease=lease)
    assert await store.get(f"{root}/a") is None


async def test_a_renewed_lease_outlives_its_time(store: Store, root: str) -> None:
    kept, left = await store.lease(2), await store.lease(2)
    await store.put(f"{root}/kept", b"", lease=kept)
    revision = await store.put(f"{root}/left", b"", lease=left)
    async with store.watch(f"{root}/", after=revision) as batches, asyncio.TaskGroup() as group:
        ended = group.create_task(next_changes(batches))
        while not ended.done():
            await kept.renew()
            await asyncio.wait([ended], timeout=0.2)
    assert [change.key for change in ended.result()] == [f"{root}/left"]
    assert await store.get(f"{root}/kept") is not None
    await kept.revoke()


async def test_a_revoked_lease_is_gone_and_may_be_revoked_again(store: Store, root: str) -> None:
    lease = await store.lease(30)
    assert lease.ttl >= 30
    await lease.revoke()
    await lease.revoke()
    with pytest.raises(LeaseLost):
        await lease.renew()
    with pytest.raises(LeaseLost):
        await store.put(f"{root}/a", b"", lease=lease, expect=ABSENT)


async def test_a_write_decides_anew_whose_lease_a_key_is(store: Store, root: str) -> None:
    first, second = await store.lease(30), await store.lease(30)
    for name in ("freed", "moved", "kept"):
        await store.put(f"{root}/{name}", b"", lease=first)
    await store.put(f"{root}/freed", b"")
    await store.put(f"{root}/moved", b"", lease=second)
    await first.revoke()
    assert [entry.key for entry in (await store.list(f"{root}/")).entries] == [f"{root}/freed", f"{root}/moved"]
    await second.revoke()
    assert [entry.key for entry in (await store.list(f"{root}/")).entries] == [f"{root}/freed"]


async def test_a_lease_of_another_kind_of_store_is_refused(store: Store, root: str) -> None:
    """A key that should end with its writer would stay for ever."""

    class Other:
        ttl = 5.0

        async def renew(self) -> None: ...

        async def revoke(self) -> None: ...

    with pytest.raises(TypeError):
        await store.put(f"{root}/a", b"", lease=Other())
    assert await store.get(f"{root}/a") is None


async def test_a_watch_of_forgotten_history_says_so(store: Store, root: str, compact: Compact) -> None:
    begun = await store.put(f"{root}/a", b"0")
    await store.put(f"{root}/a", b"1")
    await compact(await store.put(f"{root}/a", b"2"))
    with pytest.raises(HistoryLost):
        async with store.watch(f"{root}/", after=begun) as batches:
            await next_changes(batches)


async def test_a_deletion_at_the_compacted_revision_is_not_skipped(store: Store, root: str, compact: Compact) -> None:
    begun = await store.put(f"{root}/a", b"0")
    await store.delete(f"{root}/a")
    await compact(begun + 1)
    await store.put(f"{root}/b", b"")
    with pytest.raises(HistoryLost):
        async with store.watch(f"{root}/", after=begun) as batches:
            await next_changes(batches)


async def test_a_watch_goes_on_from_the_compacted_revision(store: Store, root: str, compact: Compact) -> None:
    begun = await store.put(f"{root}/a", b"0")
    await compact(begun)
    await store.put(f"{root}/b", b"1")
    async with store.watch(f"{root}/", after=begun) as batches:
        assert [change.key for change in await next_changes(batches)] == [f"{root}/b"]


async def test_the_identity_is_of_one_store_and_comes_forward(store: Store, root: str) -> None:
    before = await store.identity()
    revision = await store.put(f"{root}/a", b"")
    after = await store.identity()
    assert after.cluster == before.cluster
    assert after.revision >= revision > before.revision
    assert after.term == before.term


async def test_each_answer_is_shown_to_the_inspector_first(store: Driver, root: str) -> None:
    shown: list[Identity] = []

    def inspect() -> Judge:
        return shown.append

    inspected = store.shown_to(inspect)
    await inspected.put(f"{root}/a", b"")
    await inspected.get(f"{root}/a")
    await inspected.list(root)
    await inspected.lease(5)
    with pytest.raises(StaleRevision):
        await inspected.put(f"{root}/a", b"", expect=ABSENT)
    await inspected.delete(f"{root}/a")
    here = await inspected.identity()
    assert len(shown) == 7
    assert {identity.cluster for identity in shown} == {here.cluster}
    revisions = [identity.revision for identity in shown]
    assert revisions == sorted(revisions)


async def test_an_inspector_refuses_before_a_request_and_after_its_answer(store: Driver, root: str) -> None:
    def refuse() -> Judge:
        raise StoreHeld("before")

    def refuse_the_answer() -> Judge:
        def judge(_: Identity) -> None:
            raise StoreHeld("after")

        return judge

    with pytest.raises(StoreHeld, match="before"):
        await store.shown_to(refuse).put(f"{root}/a", b"")
    assert await store.get(f"{root}/a") is None
    with pytest.raises(StoreHeld, match="after"):
        await store.shown_to(refuse_the_answer).get(f"{root}/a")


async def test_a_value_beyond_the_limit_is_refused_as_such(store: Store, root: str) -> None:
    for size in (1_600_000, 4_000_000):
        with pytest.raises(TooLarge):
            await store.put(f"{root}/a", b"x" * size)
    assert await store.get(f"{root}/a") is None
