"""Mirrors and sessions through a dead etcd, a compaction, a lost lease, a cut and a silent connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from libs.daemon import Settings, supervise
from libs.keyspace import Keyspace
from libs.keyspace.records import PlatformSetting
from libs.store import Batch, Mirror, Session, Shelf, Store, StoreUnavailable, open_store
from libs.store.driver import Judge
from libs.store.drivers.etcd3 import PAGE, Connection, Etcd3Store
from tests.support.etcd import EtcdServer
from tests.support.ports import free_port
from tests.support.tcp_line import tcp_line
from tests.support.waiting import eventually

PRESENCE = "/deis/nodes/n1"


@pytest.fixture
async def store(own_etcd: EtcdServer, settings_for: Callable[..., Settings]) -> AsyncIterator[Store]:
    """The store as a daemon has it."""
    async with open_store(settings_for(own_etcd), name="test") as store:
        yield store


@pytest.fixture
async def mirror(store: Store, keyspace: Keyspace) -> AsyncIterator[Mirror[PlatformSetting]]:
    mirror = Mirror(store, keyspace.platform)
    async with supervise(mirror=mirror.run()):
        await eventually(lambda: mirror.current)
        yield mirror


@pytest.fixture
def shelf(store: Store, keyspace: Keyspace) -> Shelf[PlatformSetting]:
    return Shelf(store, keyspace.platform)


def setting(value: int) -> PlatformSetting:
    return PlatformSetting(value=value)


async def test_a_killed_etcd_is_picked_up_again(
    own_etcd: EtcdServer, store: Store, mirror: Mirror[PlatformSetting], shelf: Shelf[PlatformSetting]
) -> None:
    session = Session(store, ttl=15)
    async with supervise(session=session.run()):
        await session.publish(PRESENCE, b"here")
        await shelf.put(setting(1), "a")
        await eventually(lambda: mirror.get("a") == setting(1))
        for value in (2, 3):
            await asyncio.to_thread(own_etcd.kill9)
            await eventually(lambda: not mirror.current)
            assert mirror.get("a") == setting(value - 1)
            await asyncio.to_thread(own_etcd.start)
            await eventually(lambda: mirror.current)
            assert await store.get(PRESENCE) is not None
            await shelf.put(setting(value), "a")
            await eventually(lambda: mirror.get("a") == setting(value))  # noqa: B023  # it is awaited here
        assert session.held
        await eventually(lambda: store.get(PRESENCE))


async def test_a_watch_that_etcd_ended_leaves_no_task_behind(own_etcd: EtcdServer) -> None:
    """One that still waits for a request is an error in the log as soon as it is collected."""
    store = Etcd3Store(Connection([own_etcd.endpoint]), probe="/deis/platform/store")
    try:
        async with store.watch("/deis/", after=0) as batches:
            before = asyncio.all_tasks()
            await asyncio.to_thread(own_etcd.kill9)
            with pytest.raises(StoreUnavailable):
                await anext(batches)

        def requesting() -> list[str]:
            return [repr(task) for task in asyncio.all_tasks() & before if "_consume_request_iterator" in repr(task)]

        assert any("_consume_request_iterator" in repr(task) for task in before)
        await eventually(lambda: not requesting())
    finally:
        await store.close()


async def test_a_watch_never_goes_on_behind_a_break(own_etcd: EtcdServer) -> None:
    """Whoever reconnects must know from which revision, and that is the reader alone."""
    store = Etcd3Store(Connection([own_etcd.endpoint]), probe=PRESENCE)
    begun = await store.put("/deis/platform/a", b"0")
    async with store.watch("/deis/", after=begun) as batches:
        await store.put("/deis/platform/a", b"1")
        assert [change.revision for change in (await next_batch(batches)).changes] == [begun + 1]
        await asyncio.to_thread(own_etcd.restart)
        with pytest.raises(StoreUnavailable):
            await next_batch(batches)
        with pytest.raises(StopAsyncIteration):
            await next_batch(batches)
    await store.close()


async def test_a_list_whose_revision_is_compacted_under_it_begins_again(own_etcd: EtcdServer) -> None:
    store = Etcd3Store(Connection([own_etcd.endpoint]), probe=PRESENCE)
    for begin in range(0, 1500, 100):
        async with asyncio.TaskGroup() as group:
            for number in range(begin, begin + 100):
                group.create_task(store.put(f"/deis/{number:04}", b""))
    asked = 0

    def compact_before_the_second_page() -> Judge:
        nonlocal asked
        asked += 1
        if asked == 2:
            own_etcd.ctl("put", "/deis/0000", "new")
            own_etcd.ctl(
                "compact", own_etcd.ctl("get", "/deis/0000", "-w", "json").split('"revision":')[1].split(",")[0]
            )
        return lambda _: None

    listing = await store.shown_to(compact_before_the_second_page).list("/deis/")
    assert asked == 2 + 1500 // PAGE  # a page, one that is gone, and all of them anew
    assert len(listing.entries) == 1500
    assert listing.entries[0].value == b"new"
    assert listing.entries[0].revision == listing.revision
    await store.close()


async def test_what_changed_behind_a_compaction_is_seen(
    own_etcd: EtcdServer, keyspace: Keyspace, settings_for: Callable[..., Settings]
) -> None:
    writer = Etcd3Store(Connection([own_etcd.endpoint]), probe=PRESENCE)
    shelf = Shelf(writer, keyspace.platform)
    await shelf.put(setting(0), "kept")
    await shelf.put(setting(0), "deleted")
    async with tcp_line(own_etcd.endpoint) as line:
        settings = settings_for(own_etcd, store_endpoints=line.endpoint)
        async with open_store(settings, name="behind") as store:
            mirror = Mirror(store, keyspace.platform)
            async with supervise(mirror=mirror.run()):
                await eventually(lambda: mirror.current and len(mirror.items()) == 2)
                line.cut()
                await eventually(lambda: not mirror.current)
                for value in range(1, 20):
                    await shelf.put(setting(value), "kept")
                await shelf.delete("deleted")
                own_etcd.ctl("compact", str((await writer.identity()).revision))
                line.mend()
                await eventually(lambda: mirror.current)
                assert mirror.items() == [(("kept",), setting(19))]
    await writer.close()


async def test_a_lease_that_etcd_ended_is_replaced_with_its_keys(own_etcd: EtcdServer, store: Store) -> None:
    told: list[bool] = []
    session = Session(store, ttl=2)
    session.on_change(told.append)
    async with supervise(session=session.run()):
        await session.publish(PRESENCE, b"here")
        await eventually(lambda: store.get(PRESENCE))
        before = own_etcd.ctl("lease", "list").split()[-1]
        own_etcd.ctl("lease", "revoke", before)
        await eventually(lambda: told == [True, False, True])
        await eventually(lambda: store.get(PRESENCE))
    assert await store.get(PRESENCE) is None


async def test_a_silent_connection_is_found_out_and_left(own_etcd: EtcdServer) -> None:
    """No packet says that it broke: only the missing answers to pings do."""
    async with tcp_line(own_etcd.endpoint) as line:
        store = Etcd3Store(Connection([line.endpoint], keepalive=1.0), probe=PRESENCE)
        async with store.watch("/deis/", after=1) as batches:
            line.freeze()
            with pytest.raises(StoreUnavailable):
                await next_batch(batches)
        with pytest.raises(StoreUnavailable):
            await store.get(PRESENCE)
        line.mend()
        await eventually(lambda: answers(store))
        await store.close()


async def next_batch(batches: AsyncIterator[Batch]) -> Batch:
    async with asyncio.timeout(60):
        return await anext(batches)


async def answers(store: Store) -> bool:
    try:
        await store.identity()
    except StoreUnavailable:
        return False
    return True


async def test_pings_of_an_idle_daemon_are_no_nuisance_to_etcd(own_etcd: EtcdServer) -> None:
    """etcd closes the connection of a client that pings without an open stream, or too often."""
    async with tcp_line(own_etcd.endpoint) as line:
        store = Etcd3Store(Connection([line.endpoint], keepalive=0.2), probe=PRESENCE)
        await store.identity()
        for _ in range(5):
            await asyncio.sleep(0.4)
            await store.identity()
        assert line.connections == 1
        await store.close()


async def test_a_watch_tells_how_far_the_store_came_although_nothing_of_its_own_changed(
    own_etcd: EtcdServer, store: Store, mirror: Mirror[PlatformSetting]
) -> None:
    for number in range(5):
        revision = await store.put("/elsewhere", b"%d" % number)
    await eventually(lambda: mirror.revision >= revision)


async def test_one_living_member_of_several_is_enough(own_etcd: EtcdServer) -> None:
    store = Etcd3Store(Connection([f"127.0.0.1:{free_port()}", own_etcd.endpoint]), probe=PRESENCE)
    await eventually(lambda: answers(store))
    await store.put(PRESENCE, b"")
    async with store.watch(PRESENCE, after=(await store.identity()).revision) as batches:
        await store.put(PRESENCE, b"1")
        assert len((await next_batch(batches)).changes) == 1
    await store.close()


async def test_writes_under_a_flapping_line_are_never_done_twice(own_etcd: EtcdServer) -> None:
    """A counter that each write raises by a swap: an answer may be lost, a write may not be repeated."""
    async with tcp_line(own_etcd.endpoint) as line:
        store = Etcd3Store(Connection([line.endpoint]), probe=PRESENCE)
        plain = Etcd3Store(Connection([own_etcd.endpoint]), probe=PRESENCE)
        begun = await plain.put("/count", b"")
        asked = 0
        for _ in range(15):
            async with asyncio.TaskGroup() as group:
                puts = [group.create_task(put_once(store)) for _ in range(4)]
                asked += len(puts)
                await asyncio.sleep(0.002)
                line.cut()
            line.mend()
            await eventually(lambda: answers(store))
        done = (await plain.identity()).revision - begun
        assert done <= asked
        await store.close()
        await plain.close()


async def put_once(store: Store) -> None:
    try:
        await store.put("/count", b"")
    except StoreUnavailable:
        return
