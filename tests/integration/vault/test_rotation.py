"""Rotation while controllers write, and when it is killed."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from libs.keyspace import Keyspace, Sealed
from libs.keyspace.document import now
from libs.keyspace.records import Config, PlatformSetting, Release
from libs.store.shelf import Shelf
from libs.vault import LiveVault
from libs.vault.rotation import seal_anew
from tests.integration.vault.conftest import Host, World
from tests.support.api import Api, Client

MANY = 1500


def release(app_uuid: str, number: int, values: Sealed) -> Release:
    config = Config(uuid=str(uuid.uuid4()), owner="ann", values=values, created=now())
    return Release(
        uuid=app_uuid, app="hello", owner="ann", number=number, summary="as it was", config=config, created=now()
    )


async def fill(world: World, vault: LiveVault, count: int) -> str:
    """Many releases of one app; returns its uuid."""
    app_uuid, shelf = str(uuid.uuid4()), Shelf(world.store, world.keyspace.releases)
    for first in range(1, count + 1, 50):
        async with asyncio.TaskGroup() as group:
            for number in range(first, first + 50):
                record = release(app_uuid, number, vault.seal(app_uuid, {"N": str(number)}))
                group.create_task(shelf.create(record, app_uuid, number))
    return app_uuid


async def values_of(world: World, host: Host, app_uuid: str) -> list[dict[str, str]]:
    """The values of every release, as this host opens them."""
    vault = LiveVault(host.file.path)
    stored = await Shelf(world.store, world.keyspace.releases).list(app_uuid)
    by_number = sorted((one.document for one in stored), key=lambda one: one.number)
    return [vault.unseal(app_uuid, one.config.values) for one in by_number]


async def write(client: Client, app: str, writer: str, stop: asyncio.Event) -> dict[str, str]:
    """Set config value after config value until it is told to stop; returns what was promised to be kept."""
    kept: dict[str, str] = {}
    number = 0
    while not stop.is_set():
        number += 1
        body = {"values": {f"{writer}_{number}": str(number)}}
        answer = await client("POST", f"/v1/apps/{app}/config", body)
        if answer.status == 201:
            kept |= body["values"]
        else:
            assert answer.status == 409, answer
    return kept


async def test_a_rotation_loses_nothing_that_two_controllers_write_meanwhile(
    world: World, one: Host, two: Host
) -> None:
    async with world.api(one) as first:
        await two.vault("restore", "-", stdin=(await one.vault("backup", "-")).out)
        async with world.api(two) as second:
            second.deployer.holding = True
            admin = await first.client.joined("admin")
            for app in ("left", "right"):
                assert (await admin("POST", "/v1/apps", {"id": app})).status == 201
            (old,) = one.file.read()
            assert (await one.vault("rotate", "--prepare")).status == 0
            await two.vault("restore", "-", stdin=(await one.vault("backup", "-")).out)
            there = second.client.with_token(admin.token)
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                writers = [
                    group.create_task(write(client, app, name, stop))
                    for app, name, client in (("left", "a", admin), ("left", "b", there), ("right", "c", there))
                ]
                said = await one.vault("rotate")
                stop.set()
            assert said.status == 0, said
            kept = [task.result() for task in writers]
            assert all(kept)
            for client in (admin, there):
                left = (await client("GET", "/v1/apps/left/config")).json["values"]
                right = (await client("GET", "/v1/apps/right/config")).json["values"]
                assert left == kept[0] | kept[1]
                assert right == kept[2]
        inventory = await world.inventory(one)
    new = (await world.designations.read()).seals
    assert new not in {old, None}
    assert set(inventory.by_key) == {new}
    assert len(inventory.secrets) == 2 + sum(map(len, kept))
    assert inventory.shut == []


async def test_a_rotation_that_was_killed_is_gone_on_with(world: World, one: Host) -> None:
    async with world.api(one) as api:
        app_uuid = await fill(world, api.controller.vault, MANY)
    (old,) = one.file.read()
    at = (await world.store.list(f"{world.keyspace.prefix}/")).revision
    async with world.store.watch(world.keyspace.releases.under(app_uuid), after=at) as batches:
        process = one.start("vault", "rotate")
        await anext(batches)  # the first one is sealed anew
        process.kill()
        process.communicate()
    halfway = await world.inventory(one)
    new = (await world.designations.read()).seals
    assert new != old
    assert 0 < halfway.by_key[old] < MANY
    assert halfway.shut == []

    said = await one.vault("rotate")

    assert said.status == 0, said
    assert f"A rotation to {new} is not done: it goes on" in said.out
    assert (await world.inventory(one)).by_key == {new: MANY}
    assert await values_of(world, one, app_uuid) == [{"N": str(number)} for number in range(1, MANY + 1)]
    assert set(one.file.read()) == {old, new}


async def test_every_kind_of_secret_is_sealed_anew(world: World, one: Host) -> None:
    async with world.api(one) as api:
        admin = await api.client.joined("admin")
        await admin("POST", "/v1/apps", {"id": "hello"})
        await keep_others(api, world.keyspace)
    said = await one.vault("rotate")
    assert said.status == 0, said
    new = (await world.designations.read()).seals
    inventory = await world.inventory(one)
    assert set(inventory.by_key) == {new}
    assert {secret.field.collection for secret in inventory.secrets} == {"releases", "certs", "drains", "platform"}
    assert inventory.strays == {}
    assert inventory.shut == []


async def keep_others(api: Api, keyspace: Keyspace) -> None:
    """A certificate, a drain and the builders' key, with fields of a newer release beside."""
    vault = api.controller.vault
    cert = {
        "common_name": "www.example.org",
        "owner": "ann",
        "certificate": "PEM",
        "key": vault.seal_text("cert:www.example.org", "PRIVATE"),
        "expires": now(),
        "created": now(),
        "of_a_newer_release": None,
    }
    await Shelf(api.store, keyspace.certs).create(keyspace.certs.record(**cert), "www.example.org")
    drain = {
        "id": "d1",
        "owner": "ann",
        "url": "https://logs.example.org/",
        "token": "d.1",
        "secret": vault.seal_text("drain:d1", '{"user_info": "ann:s3cr3t"}'),
        "created": now(),
        "of_a_newer_release": None,
    }
    await Shelf(api.store, keyspace.drains).create(keyspace.drains.record(**drain), "platform", "d1")
    sealed = vault.seal_text("platform:builder_key", "builders")
    await Shelf(api.store, keyspace.platform).put(PlatformSetting(value=sealed), "builder_key")


async def test_what_a_late_controller_still_sealed_with_the_old_key_is_sealed_anew_too(
    world: World, one: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.api(one) as api:
        late = LiveVault(one.file.path)
        app_uuid = await fill(world, api.controller.vault, 50)
    assert (await one.vault("rotate")).status == 0
    new = (await world.designations.read()).seals
    vault = LiveVault(one.file.path)
    vault.designated = new
    late.designated = next(key_id for key_id in one.file.read() if key_id != new)
    shelf = Shelf(world.store, world.keyspace.releases)
    monkeypatch.setattr("libs.vault.rotation.SETTLES", 0.0)
    looks = 0

    async def write_late(prefix: str) -> object:
        nonlocal looks
        looks += 1
        listing = await type(world.store).list(world.store, prefix)
        if looks == 1:
            await shelf.create(release(app_uuid, 51, late.seal(app_uuid, {"N": "51"})), app_uuid, 51)
        return listing

    monkeypatch.setattr(world.store, "list", write_late)
    inventory = await seal_anew(world.store, world.keyspace, vault, lambda _done, _total: None)
    assert inventory.by_key == {new: 51}
