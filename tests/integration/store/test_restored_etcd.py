"""An etcd that was wiped or restored is held at the door, also over a restart of ours, until an operator accepts it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from libs.daemon import Settings, supervise
from libs.keyspace import Keyspace
from libs.keyspace.records import PlatformSetting
from libs.store import Mirror, Session, Shelf, StoreHeld, open_store
from libs.store.acceptance import accept_store
from libs.store.opening import open_driver
from tests.support.etcd import EtcdServer
from tests.support.waiting import eventually

SettingsFor = Callable[..., Settings]


def setting(value: int) -> PlatformSetting:
    return PlatformSetting(value=value)


async def accept(settings: Settings, keyspace: Keyspace) -> None:
    """What `deis-daemon accept-store` does."""
    driver = open_driver(settings)
    await accept_store(driver, keyspace)
    await driver.close()


async def write(settings: Settings, keyspace: Keyspace, *values: int) -> None:
    """A daemon's life: it writes these values, and ends."""
    async with open_store(settings, name="test") as store:
        for value in values:
            await Shelf(store, keyspace.platform).put(setting(value), "a")


async def test_a_wiped_etcd_is_held_and_accepted(
    own_etcd: EtcdServer, keyspace: Keyspace, settings_for: SettingsFor
) -> None:
    settings = settings_for(own_etcd)
    async with open_store(settings, name="test") as store:
        mirror, session = Mirror(store, keyspace.platform), Session(store, ttl=15)
        async with supervise(mirror=mirror.run(), session=session.run()):
            await Shelf(store, keyspace.platform).put(setting(1), "a")
            await session.publish("/deis/nodes/n1", b"here")
            await eventually(lambda: mirror.get("a"))
            await asyncio.to_thread(own_etcd.wipe)
            await eventually(lambda: store.held)
            with pytest.raises(StoreHeld):
                await Shelf(store, keyspace.platform).put(setting(2), "a")
            assert not mirror.current
            assert mirror.get("a") == setting(1), "an empty store is no verdict"
            await accept(settings, keyspace)
            await eventually(lambda: mirror.current)
            assert store.held is None
            assert mirror.get("a") is None
            await eventually(lambda: store.get("/deis/nodes/n1"), what="the session's key is there again")


async def test_a_snapshot_of_yesterday_is_held_and_accepted(
    own_etcd: EtcdServer, keyspace: Keyspace, settings_for: SettingsFor
) -> None:
    settings = settings_for(own_etcd)
    async with open_store(settings, name="test") as store:
        mirror = Mirror(store, keyspace.platform)
        async with supervise(mirror=mirror.run()):
            shelf = Shelf(store, keyspace.platform)
            await shelf.put(setting(1), "a")
            snapshot = await asyncio.to_thread(own_etcd.snapshot)
            await shelf.put(setting(2), "a")
            await eventually(lambda: mirror.get("a") == setting(2))
            await asyncio.to_thread(own_etcd.restore, snapshot)
            await eventually(lambda: store.held)
            assert mirror.get("a") == setting(2)
            await accept(settings, keyspace)
            await eventually(lambda: mirror.current)
            assert mirror.get("a") == setting(1)
            await shelf.put(setting(3), "a")


async def test_a_daemon_that_was_away_knows_the_wiped_etcd_for_another(
    own_etcd: EtcdServer, keyspace: Keyspace, settings_for: SettingsFor
) -> None:
    settings = settings_for(own_etcd)
    await write(settings, keyspace, *range(10))
    await asyncio.to_thread(own_etcd.wipe)
    for _ in range(2):  # and after it was held once, too
        async with open_store(settings, name="test") as store:
            with pytest.raises(StoreHeld):
                await store.get("/deis/platform/a")
    await accept(settings, keyspace)
    async with open_store(settings, name="test") as store:
        await eventually(lambda: store.held is None)
        await store.get("/deis/platform/a")


async def test_a_wiped_etcd_is_known_although_others_filled_it_further_than_it_was(
    own_etcd: EtcdServer, keyspace: Keyspace, settings_for: SettingsFor
) -> None:
    settings = settings_for(own_etcd)
    await asyncio.to_thread(own_etcd.restart)
    await write(settings, keyspace, 1, 2)
    await asyncio.to_thread(own_etcd.wipe)
    stranger = settings_for(own_etcd, home=settings.home / "stranger")
    await write(stranger, keyspace, *range(50))
    async with open_store(settings, name="test") as store:
        with pytest.raises(StoreHeld, match="term"):
            await store.get("/deis/platform/a")


async def test_the_known_etcd_that_is_brought_back_needs_no_acceptance(
    own_etcd: EtcdServer, keyspace: Keyspace, settings_for: SettingsFor
) -> None:
    settings = settings_for(own_etcd)
    kept = own_etcd.root / "kept"
    async with open_store(settings, name="test") as store:
        mirror = Mirror(store, keyspace.platform)
        async with supervise(mirror=mirror.run()):
            await Shelf(store, keyspace.platform).put(setting(1), "a")
            await eventually(lambda: mirror.get("a"))
            await asyncio.to_thread(own_etcd.stop)
            shutil.move(own_etcd.data, kept)
            await asyncio.to_thread(own_etcd.start)
            await eventually(lambda: store.held)
            await asyncio.to_thread(own_etcd.stop)
            shutil.rmtree(own_etcd.data)
            shutil.move(kept, own_etcd.data)
            await asyncio.to_thread(own_etcd.start)
            await eventually(lambda: mirror.current)
            assert store.held is None
            assert mirror.get("a") == setting(1)


async def test_a_restart_of_etcd_is_none_of_this(
    own_etcd: EtcdServer, keyspace: Keyspace, settings_for: SettingsFor
) -> None:
    settings = settings_for(own_etcd)
    for value in range(3):
        await write(settings, keyspace, value)
        await asyncio.to_thread(own_etcd.restart)
    async with open_store(settings, name="test") as store:
        stored = await Shelf(store, keyspace.platform).get("a")
        assert stored is not None
        assert stored.document == setting(2)


async def test_the_witness_is_on_disk_while_the_daemon_still_runs(
    own_etcd: EtcdServer, settings_for: SettingsFor
) -> None:
    """A daemon that is killed writes nothing at its end."""
    settings = settings_for(own_etcd)
    path: Path = settings.home / "witness" / "test.json"
    async with open_store(settings, name="test") as store:
        revision = await store.put("/deis/platform/a", b"{}")

        def is_written() -> bool:
            return path.exists() and json.loads(path.read_bytes())["known"]["revision"] >= revision

        await eventually(is_written)


async def test_a_witness_that_cannot_be_read_lets_the_store_pass(
    own_etcd: EtcdServer, keyspace: Keyspace, settings_for: SettingsFor
) -> None:
    settings = settings_for(own_etcd)
    path = settings.home / "witness" / "test.json"
    for junk in (b"", b"[]", b'{"known": {"cluster": 1}}'):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(junk)
        await write(settings, keyspace, 1)
        assert json.loads(path.read_bytes())["held"] is None
