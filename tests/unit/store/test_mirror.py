"""A mirror over a store that fails in every way it can."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest

from libs.daemon import supervise
from libs.keyspace import Keyspace
from libs.keyspace.records import PlatformSetting, Retiring
from libs.store import Mirror, Moved, Shelf
from libs.store.drivers.memory import MemoryStore
from tests.support.waiting import eventually

Settings = Mirror[PlatformSetting]


def setting(value: int) -> PlatformSetting:
    return PlatformSetting(value=value)


@pytest.fixture
def shelf(store: MemoryStore, keyspace: Keyspace) -> Shelf[PlatformSetting]:
    return Shelf(store, keyspace.platform)


@pytest.fixture
def line(store: MemoryStore) -> MemoryStore:
    """The mirror's own line to the store."""
    return store.fork()


@pytest.fixture
def told() -> list[Sequence[Moved[PlatformSetting]]]:
    return []


@pytest.fixture(params=[None, 0, 1, 100], ids=["whole", "packed", "packed, one at hand", "packed, all at hand"])
def recent(request: pytest.FixtureRequest) -> int | None:
    """How many documents a mirror holds beside the packed values."""
    found: int | None = request.param
    return found


@pytest.fixture
async def mirror(
    line: MemoryStore, keyspace: Keyspace, told: list[Sequence[Moved[PlatformSetting]]], recent: int | None
) -> AsyncIterator[Settings]:
    mirror = Mirror(line, keyspace.platform, recent=recent)
    mirror.on_change(told.append)
    async with supervise(mirror=mirror.run()):
        yield mirror


def held(mirror: Settings) -> dict[str, object]:
    return {parts[0]: document.value for parts, document in mirror.items()}


async def test_it_holds_what_is_there_and_follows(mirror: Settings, shelf: Shelf[PlatformSetting]) -> None:
    await shelf.put(setting(1), "a")
    await eventually(lambda: mirror.current and held(mirror) == {"a": 1})
    revision = await shelf.put(setting(2), "b")
    await shelf.delete("a")
    await eventually(lambda: held(mirror) == {"b": 2})
    assert mirror.revision >= revision
    assert mirror.get("b") == setting(2)
    assert mirror.get("a") is None
    stored = mirror.stored("b")
    assert stored is not None
    assert (stored.parts, stored.revision) == (("b",), revision)


async def test_it_says_nothing_of_absence_before_its_first_list(
    line: MemoryStore, keyspace: Keyspace, shelf: Shelf[PlatformSetting]
) -> None:
    line.unavailable = True
    await shelf.put(setting(1), "a")
    told: list[Sequence[Moved[PlatformSetting]]] = []
    mirror = Mirror(line, keyspace.platform)
    mirror.on_change(told.append)
    async with supervise(mirror=mirror.run()):
        await asyncio.sleep(60)
        assert not mirror.complete
        assert not mirror.current
        assert told == []
        line.unavailable = False
        await mirror.wait_complete()
        assert held(mirror) == {"a": 1}


async def test_it_tells_when_it_is_complete_although_there_is_nothing(
    mirror: Settings, told: list[Sequence[Moved[PlatformSetting]]]
) -> None:
    await eventually(lambda: mirror.current)
    assert told == [[], ()]


async def test_it_tells_each_change_with_what_was_before(
    mirror: Settings, shelf: Shelf[PlatformSetting], told: list[Sequence[Moved[PlatformSetting]]]
) -> None:
    await eventually(lambda: mirror.current)
    told.clear()
    await shelf.put(setting(1), "a")
    await shelf.put(setting(2), "a")
    await shelf.delete("a")
    await eventually(lambda: sum(map(len, told)) == 3)
    assert [move for moves in told for move in moves] == [
        Moved(("a",), None, setting(1)),
        Moved(("a",), setting(1), setting(2)),
        Moved(("a",), setting(2), None),
    ]


async def test_it_holds_what_it_had_while_the_store_is_away(
    mirror: Settings, line: MemoryStore, shelf: Shelf[PlatformSetting], told: list[Sequence[Moved[PlatformSetting]]]
) -> None:
    for name in ("kept", "changed", "deleted"):
        await shelf.put(setting(1), name)
    await eventually(lambda: mirror.current and len(held(mirror)) == 3)
    told.clear()
    line.unavailable = True
    await eventually(lambda: not mirror.current)
    await shelf.put(setting(2), "changed")
    await shelf.delete("deleted")
    assert held(mirror) == {"kept": 1, "changed": 1, "deleted": 1}
    assert told == []
    line.unavailable = False
    await eventually(lambda: mirror.current)
    assert [list(moves) for moves in told] == [
        [Moved(("deleted",), setting(1), None), Moved(("changed",), setting(1), setting(2))],
        [],
    ]


async def test_a_broken_watch_is_replaced_and_nothing_told_that_did_not_change(
    mirror: Settings, line: MemoryStore, shelf: Shelf[PlatformSetting], told: list[Sequence[Moved[PlatformSetting]]]
) -> None:
    await shelf.put(setting(1), "a")
    await eventually(lambda: mirror.current and held(mirror))
    told.clear()
    line.drop_watches()
    await eventually(lambda: told)
    assert told == [()]
    assert mirror.current


async def test_compacted_history_is_listed_again(
    mirror: Settings, line: MemoryStore, shelf: Shelf[PlatformSetting]
) -> None:
    await eventually(lambda: mirror.current)
    line.unavailable = True
    for value in range(5):
        await shelf.put(setting(value), "a")
    line.compact()
    line.unavailable = False
    await eventually(lambda: mirror.current)
    assert held(mirror) == {"a": 4}


async def test_a_value_that_is_no_record_keeps_the_last_good_one(
    mirror: Settings, store: MemoryStore, keyspace: Keyspace, told: list[Sequence[Moved[PlatformSetting]]]
) -> None:
    good, never_good = keyspace.platform.key("a"), keyspace.platform.key("b")
    shelf = Shelf(store, keyspace.platform)
    await shelf.put(setting(1), "a")
    await eventually(lambda: mirror.current and held(mirror))
    told.clear()
    for key in (good, never_good):
        await store.put(key, b"{]")
    await eventually(lambda: mirror.bad.keys() == {good, never_good})
    assert held(mirror) == {"a": 1}
    assert told == []
    assert good in mirror.bad[good]
    await shelf.put(setting(2), "a")
    await store.delete(never_good)
    await eventually(lambda: not mirror.bad)
    assert held(mirror) == {"a": 2}


async def test_a_bad_value_whose_key_goes_is_gone(mirror: Settings, store: MemoryStore, keyspace: Keyspace) -> None:
    key = keyspace.platform.key("a")
    await Shelf(store, keyspace.platform).put(setting(1), "a")
    await store.put(key, b"junk")
    await eventually(lambda: mirror.current and key in mirror.bad)
    await store.delete(key)
    await eventually(lambda: not mirror.bad)
    assert held(mirror) == {}


async def test_a_foreign_key_below_the_prefix_is_bad_and_harms_nothing(
    mirror: Settings, store: MemoryStore, shelf: Shelf[PlatformSetting]
) -> None:
    await store.put("/deis/platform/too/deep", b"{}")
    await shelf.put(setting(1), "a")
    await eventually(lambda: held(mirror) == {"a": 1})
    assert list(mirror.bad) == ["/deis/platform/too/deep"]


async def test_another_value_at_the_same_revision_is_noticed(
    mirror: Settings, store: MemoryStore, shelf: Shelf[PlatformSetting]
) -> None:
    """A store that was restored and went on counts the same revisions for other writes."""
    before = store.snapshot()
    await shelf.put(setting(1), "a")
    await eventually(lambda: held(mirror) == {"a": 1})
    store.restore(before)
    await shelf.put(setting(2), "a")
    await eventually(lambda: held(mirror) == {"a": 2})


async def test_a_mirror_of_a_subtree_sees_that_subtree_alone(store: MemoryStore, keyspace: Keyspace) -> None:
    now = datetime(2020, 1, 1, tzinfo=UTC)
    shelf = Shelf(store, keyspace.retiring)
    for parts in (("n1", "b", "2"), ("n1", "a", "1"), ("n1", "a-", "1"), ("n10", "a", "1"), ("n1", "a", "10")):
        await shelf.put(Retiring(reason="", since=now, deadline=now), *parts)
    mirror = Mirror(store, keyspace.retiring, "n1")
    async with supervise(mirror=mirror.run()):
        await mirror.wait_complete()
    assert [parts for parts, _ in mirror.items()] == [
        ("n1", "a-", "1"),
        ("n1", "a", "1"),
        ("n1", "a", "10"),
        ("n1", "b", "2"),
    ]
    assert [parts for parts, _ in mirror.items("n1", "a")] == [("n1", "a", "1"), ("n1", "a", "10")]
    assert mirror.items("n1", "c") == []
    assert mirror.get("n1", "a", 10) is not None
    assert mirror.get("n10", "a", "1") is None
