"""Absence is not a verdict: what is missing means unknown, so nothing is started, nothing stopped."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.platform import Platform
from tests.support.waiting import eventually


async def more_than_a_lease(deis_platform: Platform) -> None:
    """As long as it takes for every presence lease to end, and for each loop to look a few times."""
    await asyncio.sleep(float(deis_platform.environment["DEIS_PRESENCE_SECONDS"]) * 2)


@pytest_asyncio.fixture
async def mended(deis_platform: Platform) -> AsyncIterator[Platform]:
    """The platform, with every program running again afterwards."""
    yield deis_platform
    await deis_platform.local("up")


@pytest.mark.parametrize("daemon", ["publisher", "health_checker"])
async def test_a_dead_node_agent_starts_no_duplicates_and_empties_no_pool(
    mended: Platform, app: str, daemon: str
) -> None:
    before = await mended.containers_at_rest(app)
    async with mended.traffic(app).flowing() as traffic:
        await asyncio.to_thread(mended.supervisor.stop, daemon)
        await more_than_a_lease(mended)
        assert await mended.containers(app) == before
        await asyncio.to_thread(mended.supervisor.start, daemon)
        await mended.ready()
        await traffic.more(100)
    assert traffic.failures == []
    assert await mended.containers(app) == before


async def test_etcd_away_for_longer_than_every_lease_changes_nothing(mended: Platform, app: str) -> None:
    before = await mended.containers_at_rest(app)
    async with mended.traffic(app).flowing() as traffic:
        await asyncio.to_thread(mended.supervisor.stop, "etcd")
        await more_than_a_lease(mended)
        await asyncio.to_thread(mended.supervisor.start, "etcd")
        await mended.ready()
        await traffic.more(100)
    assert traffic.failures == []
    assert await mended.containers(app) == before
    await mended.deis("scale", "cmd=3", "-a", app)
    assert len(await mended.containers(app)) == 3


async def test_a_container_that_no_record_owns_is_reported_and_left_alone(mended: Platform, app: str) -> None:
    owned = (await mended.containers_at_rest(app))[0]
    inspected = await mended.docker("inspect", "--format", "{{json .Config.Labels}}", owned)
    labels = [f"--label={line}" for line in labels_of_another_app(inspected)]
    try:
        await mended.docker("run", "--detach", "--name", "nobodys", "--network=none", *labels, "example-hello:v1")

        async def reported() -> bool:
            return "nobodys" in await mended.admin("controller", "/statusz")

        await eventually(reported, within=60, what="the container that nobody owns in /statusz")
        await mended.deis("scale", "cmd=1", "-a", app)
        assert (await mended.docker("ps", "--filter", "name=nobodys", "--quiet")).strip()
    finally:
        await mended.docker("rm", "--force", "nobodys", check=False)


def labels_of_another_app(inspected: str) -> list[str]:
    """A container's labels, made to name an app that no record knows."""
    labels = json.loads(inspected)
    labels["io.deis.app"] = "nobody"
    labels["io.deis.app-uuid"] = "00000000-0000-4000-8000-000000000000"
    labels["io.deis.instance"] = "nobodys"
    return [f"{key}={value}" for key, value in labels.items()]


async def test_an_empty_etcd_is_held_at_the_door_and_stops_no_container(mended: Platform, app: str) -> None:
    before = await mended.containers_at_rest(app)
    data = mended.settings.home / "etcd"
    kept = mended.settings.home / "etcd-kept"
    async with mended.traffic(app).flowing() as traffic:
        await asyncio.to_thread(mended.supervisor.stop, "etcd")
        shutil.move(data, kept)
        await asyncio.to_thread(mended.supervisor.start, "etcd")
        await more_than_a_lease(mended)

        async def held() -> bool:
            pages = [await mended.admin(program, "/readyz") for program in mended.settings.admin_ports]
            return all("held at the door" in page for page in pages)

        await eventually(held, within=60, what="every daemon holds the empty store at the door")
        assert await mended.containers(app) == before
        await asyncio.to_thread(mended.supervisor.stop, "etcd")
        shutil.rmtree(data)
        shutil.move(kept, data)
        await asyncio.to_thread(mended.supervisor.start, "etcd")
        await mended.ready()
        await traffic.more(100)
    assert traffic.failures == []
    assert await mended.containers(app) == before


async def test_a_restored_etcd_is_accepted_by_an_operator_and_converges(mended: Platform, app: str) -> None:
    before = await mended.containers_at_rest(app)
    data = mended.settings.home / "etcd"
    snapshot = mended.settings.home / "snapshot.db"
    endpoint = f"http://127.0.0.1:{mended.settings.etcd_port}"
    environment_of_etcdctl = ("env", "ETCDCTL_API=3", "etcdctl", "--endpoints", endpoint)
    await mended.run(*environment_of_etcdctl, "snapshot", "save", str(snapshot))
    await mended.deis("config:set", "AFTER=snapshot", "-a", app)
    after = await mended.containers_at_rest(app)
    assert set(after).isdisjoint(before)
    async with mended.traffic(app).flowing() as traffic:
        await asyncio.to_thread(mended.supervisor.stop, "etcd")
        shutil.rmtree(data)
        peer = f"http://127.0.0.1:{mended.settings.etcd_peer_port}"
        name = mended.settings.platform
        await mended.run(
            *("env", "ETCDCTL_API=3", "etcdctl", "snapshot", "restore", str(snapshot), "--data-dir", str(data)),
            *("--name", name, "--initial-cluster", f"{name}={peer}", "--initial-advertise-peer-urls", peer),
        )
        await asyncio.to_thread(mended.supervisor.start, "etcd")
        await more_than_a_lease(mended)
        assert await mended.containers(app) == after
        await mended.local("accept-store")
        await mended.ready()

        async def at_the_restored_release() -> bool:
            names = await mended.containers(app)
            return len(names) == 2 and all(f"{app}_v2." in one for one in names)

        await eventually(at_the_restored_release, within=90, what="the app runs what the restored store wants")
        await traffic.more(100)
    assert traffic.failures == []
