"""Typed documents and compare-and-swap."""

from __future__ import annotations

import asyncio

import pytest

from libs.keyspace import BadRecord, Keyspace
from libs.keyspace.records import PlatformSetting
from libs.store import ABSENT, Shelf, StaleRevision, StoreUnavailable
from libs.store.drivers.memory import MemoryStore


@pytest.fixture
def shelf(store: MemoryStore, keyspace: Keyspace) -> Shelf[PlatformSetting]:
    return Shelf(store, keyspace.platform)


def one_more(document: PlatformSetting) -> PlatformSetting:
    assert isinstance(document.value, int)
    return document.changed(value=document.value + 1)


async def test_a_document_is_created_once_and_changed_by_its_revision(shelf: Shelf[PlatformSetting]) -> None:
    first = await shelf.create(PlatformSetting(value=1), "a")
    with pytest.raises(StaleRevision):
        await shelf.create(PlatformSetting(value=2), "a")
    second = await shelf.put(PlatformSetting(value=2), "a", expect=first)
    with pytest.raises(StaleRevision):
        await shelf.delete("a", expect=first)
    stored = await shelf.get("a")
    assert stored is not None
    assert (stored.parts, stored.document.value, stored.revision) == (("a",), 2, second)
    assert await shelf.delete("a") is True
    assert await shelf.get("a") is None
    assert await shelf.delete("a", expect=ABSENT) is False


async def test_of_fifty_updates_at_once_none_is_lost(shelf: Shelf[PlatformSetting]) -> None:
    await shelf.create(PlatformSetting(value=0), "a")
    async with asyncio.TaskGroup() as group:
        for _ in range(50):
            group.create_task(shelf.update(one_more, "a"))
    stored = await shelf.get("a")
    assert stored is not None
    assert stored.document.value == 50


async def test_an_update_that_changes_nothing_writes_nothing(shelf: Shelf[PlatformSetting]) -> None:
    revision = await shelf.create(PlatformSetting(value=0), "a")
    stored = await shelf.update(lambda document: document.changed(value=0), "a")
    assert stored is not None
    assert stored.revision == revision
    assert await shelf.update(one_more, "none") is None


async def test_an_update_keeps_the_fields_of_a_newer_release(
    store: MemoryStore, shelf: Shelf[PlatformSetting], keyspace: Keyspace
) -> None:
    await store.put(keyspace.platform.key("a"), b'{"record_version": 7, "value": 1, "mood": {"of": ["tomorrow"]}}')
    await shelf.update(one_more, "a")
    stored = await shelf.get("a")
    assert stored is not None
    assert stored.document.model_dump() == {"record_version": 7, "value": 2, "mood": {"of": ["tomorrow"]}}


async def test_a_bad_record_is_named_and_never_passed_over(
    store: MemoryStore, shelf: Shelf[PlatformSetting], keyspace: Keyspace
) -> None:
    await shelf.create(PlatformSetting(value=1), "a")
    await store.put(keyspace.platform.key("b"), b"[]")
    with pytest.raises(BadRecord, match="/deis/platform/b"):
        await shelf.get("b")
    with pytest.raises(BadRecord, match="/deis/platform/b"):
        await shelf.list()


async def test_an_update_whose_answer_was_lost_says_so(store: MemoryStore, keyspace: Keyspace) -> None:
    line = store.fork()
    shelf = Shelf(line, keyspace.platform)
    await shelf.create(PlatformSetting(value=1), "a")
    line.lose_answers = True
    with pytest.raises(StoreUnavailable):
        await shelf.update(one_more, "a")
    stored = await shelf.get("a")
    assert stored is not None
    assert stored.document.value == 2
