"""Who makes the first key, and what a controller does that has not the platform's."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from libs.daemon import Loop, supervise
from libs.keyspace.records import MeshMember
from libs.store import StoreUnavailable
from libs.store.mirror import Mirror
from libs.store.shelf import Shelf
from libs.vault import LiveVault
from libs.vault.custody import Custody
from libs.vault.designation import SEALS
from libs.vault.keyfile import new_key
from tests.integration.vault.conftest import Host, World
from tests.support.api import Api
from tests.support.ports import free_port
from tests.support.waiting import eventually

CONFIG = "/v1/apps/hello/config"


@asynccontextmanager
async def holding(api: Api) -> AsyncIterator[None]:
    """The loop that the daemon has, beside the API."""
    loop = Loop("hold_the_vault_key", api.controller.custody.look, every=0.05, expected=(StoreUnavailable,))
    async with supervise(hold=loop.run()):
        yield


async def test_a_second_controller_without_the_key_says_so_and_goes_on_once_it_was_brought(
    world: World, one: Host, two: Host
) -> None:
    async with world.api(one) as first:
        admin = await first.client.joined("admin")
        await admin("POST", "/v1/apps", {"id": "hello"})
        assert (await admin("POST", CONFIG, {"values": {"A": "1"}})).status == 201
        async with world.api(two) as second, holding(second):
            second.deployer.holding = True
            there = second.client.with_token(admin.token)
            for answer in (await there("GET", CONFIG), await there("POST", "/v1/apps", {"id": "other"})):
                assert answer.line == "503 SERVICE UNAVAILABLE"
                assert "has not the key of the platform's secrets" in answer.json["detail"]
                assert "deis-daemon vault status" in answer.json["detail"]
            assert (await there("GET", "/v1/apps")).json["count"] == 1
            (key_id,) = one.file.read()
            lacking = second.controller.custody.lacking
            assert f"key {key_id!r}, which is not on this host" in lacking
            assert "deis-daemon vault backup - | ssh" in lacking
            assert not two.file.path.exists()

            assert (await two.vault("restore", "-", stdin=(await one.vault("backup", "-")).out)).status == 0

            await eventually(lambda: not second.controller.custody.lacking)
            assert (await there("POST", CONFIG, {"values": {"B": "2"}})).status == 201
            assert (await admin("GET", CONFIG)).json["values"] == {"A": "1", "B": "2"}


async def test_a_host_with_a_key_of_another_platform_does_not_seal_with_it(world: World, one: Host, two: Host) -> None:
    two.file.change(lambda _: new_key())
    async with world.api(one) as first:
        await first.client.joined("admin")
    async with world.api(two) as second:
        admin = second.client.with_token(
            (await second.client("POST", "/v1/auth/login/", {"username": "admin", "password": "opensesame"})).json[
                "token"
            ]
        )
        assert (await admin("POST", "/v1/apps", {"id": "hello"})).status == 503
        assert "is not on this host" in second.controller.custody.lacking
    assert (await world.inventory(one)).secrets == []


async def test_a_platform_from_before_keys_were_designated_is_adopted_with_its_own(world: World, one: Host) -> None:
    async with world.api(one) as api:
        admin = await api.client.joined("admin")
        await admin("POST", "/v1/apps", {"id": "hello"})
        await admin("POST", CONFIG, {"values": {"A": "1"}})
    await Shelf(world.store, world.keyspace.platform).delete(SEALS)
    before = one.file.path.read_bytes()
    async with world.api(one) as api:
        assert api.controller.custody.lacking == ""
        assert (await api.client.with_token(admin.token)("GET", CONFIG)).json["values"] == {"A": "1"}
    assert one.file.path.read_bytes() == before
    assert (await world.designations.read()).seals == next(iter(one.file.read()))


@pytest.mark.parametrize("designated", [True, False])
async def test_a_lost_key_file_is_never_made_anew(world: World, one: Host, *, designated: bool) -> None:
    async with world.api(one) as api:
        admin = await api.client.joined("admin")
        await admin("POST", "/v1/apps", {"id": "hello"})
    kept = one.file.path.read_bytes()
    one.file.path.unlink()
    if not designated:
        await Shelf(world.store, world.keyspace.platform).delete(SEALS)
    async with world.api(one) as api, holding(api):
        assert "deis-daemon vault restore FILE" in api.controller.custody.lacking
        assert not one.file.path.exists()
        assert (await api.client.with_token(admin.token)("POST", CONFIG, {})).status == 503
        one.file.path.write_bytes(kept)
        await eventually(lambda: not api.controller.custody.lacking)
        assert (await api.client.with_token(admin.token)("GET", CONFIG)).status == 200


async def test_of_two_first_controllers_at_once_one_makes_the_key(world: World, one: Host, two: Host) -> None:
    vaults = [LiveVault(host.file.path) for host in (one, two)]
    mirrors = [Mirror(world.store, world.keyspace.platform) for _ in vaults]
    custodies = [
        Custody(world.store, world.keyspace, vault, mirror) for vault, mirror in zip(vaults, mirrors, strict=True)
    ]
    async with supervise(one=mirrors[0].run(), two=mirrors[1].run()):
        for mirror in mirrors:
            await mirror.wait_complete()
        async with asyncio.TaskGroup() as group:
            for custody in custodies:
                group.create_task(custody.look())
        await eventually(lambda: all(mirror.get(SEALS) for mirror in mirrors))
        assert sorted(bool(custody.lacking) for custody in custodies) == [False, True]
    winner, loser = (one, two) if not custodies[0].lacking else (two, one)
    assert list(winner.file.read()) == [(await world.designations.read()).seals]
    assert not loser.file.path.exists()


async def test_the_loss_of_the_key_by_a_rotation_elsewhere_takes_a_controller_out_until_it_is_there(
    world: World, one: Host, two: Host
) -> None:
    async with world.api(one) as first:
        admin = await first.client.joined("admin")
        await admin("POST", "/v1/apps", {"id": "hello"})
        await two.vault("restore", "-", stdin=(await one.vault("backup", "-")).out)
        async with world.api(two) as second, holding(second):
            custody = second.controller.custody
            assert custody.lacking == ""
            assert (await one.vault("rotate", "--yes")).status == 0
            await asyncio.wait_for(custody.lost(), 30)
            new = (await world.designations.read()).seals
            assert f"seals with key {new!r}" in custody.lacking
            await two.vault("restore", "-", stdin=(await one.vault("backup", "-")).out)
            await asyncio.wait_for(custody.held(), 30)
            there = second.client.with_token(admin.token)
            assert (await there("GET", CONFIG)).status == 200
            assert second.controller.vault.seal("x", {}).startswith(f"{new}:")


@contextmanager
def daemon(host: Host, port: int) -> Iterator[None]:
    """A whole controller daemon on this host, with its probes on this port."""
    host.home.mkdir(parents=True, exist_ok=True)
    environment = {"DEIS_ADMIN_PORT": str(port), "DEIS_CONTROLLER_PORT": "0", "DEIS_LOG_FORMAT": "json"}
    with (host.home / "log").open("w") as log:
        process = host.start("controller", environment=environment, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.communicate(timeout=60)


def probe(port: int) -> tuple[int, str]:
    """What `/readyz` says; 0 while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


async def test_a_daemon_without_the_key_is_not_ready_and_does_not_lead_until_it_has_it(
    world: World, one: Host, two: Host
) -> None:
    ports = free_port(), free_port()
    members: Mirror[MeshMember] = Mirror(world.store, world.keyspace.mesh, "controller")
    leaders = Mirror(world.store, world.keyspace.leaders)

    def announced(host: Host) -> MeshMember | None:
        return next((member for _, member in members.items() if member.node == host.name), None)

    def taking_part(host: Host) -> MeshMember | None:
        found = announced(host)
        return found if found is not None and found.ready else None

    async def ready(port: int) -> bool:
        return (await asyncio.to_thread(probe, port))[0] == 200

    async with supervise(members=members.run(), leaders=leaders.run()):
        with daemon(one, ports[0]):
            held = await eventually(lambda: taking_part(one), within=60)
            await eventually(lambda: ready(ports[0]), within=60)
            (key_id,) = one.file.read()
            assert held.vault_keys == (key_id,)
            with daemon(two, ports[1]):

                async def words() -> str | None:
                    status, text = await asyncio.to_thread(probe, ports[1])
                    return text if status == 503 and "which is not on this host" in text else None

                said = await eventually(words, within=60)
                line = next(line for line in said.splitlines() if "key of the platform's secrets" in line)
                assert re.search(rf"key '{key_id}'.*deis-daemon vault backup - \| ssh", line)
                without = await eventually(lambda: announced(two), within=60)
                assert not without.ready
                assert not two.file.path.exists()

                assert (await two.vault("restore", "-", stdin=(await one.vault("backup", "-")).out)).status == 0

                member = await eventually(lambda: taking_part(two), within=60)
                await eventually(lambda: ready(ports[1]), within=60)
                assert member.vault_keys == (key_id,)
                leader = leaders.get("deployer")
                assert leader is not None
                assert leader.node == one.name
    events = [json.loads(line) for line in (two.home / "log").read_text().splitlines() if line.startswith("{")]
    lacks = [event for event in events if event["event"] == "lacks the key of the platform's secrets"]
    assert len(lacks) == 1
    assert "deis-daemon vault restore" in lacks[0]["reason"]
