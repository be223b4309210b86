"""Deploys on a real etcd and a real Docker Engine, with the real publisher and health checker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from libs.daemon import Settings, supervise
from libs.engine.drivers.docker import DockerSettings, open_driver
from libs.keyspace import records as r
from libs.store import StoreUnavailable
from libs.store.opening import open_store
from tests.integration.publisher.node import Node, a_node
from tests.support.deployer.platform import Platform
from tests.support.dockerd import Dockerd
from tests.support.etcd import EtcdServer
from tests.support.waiting import eventually


class RealPlatform(Platform):
    """The same over real servers; the router is still a miniature."""

    node: Node


@asynccontextmanager
async def a_platform(node: Node) -> AsyncIterator[RealPlatform]:
    given = {name.removeprefix("DEIS_").lower(): value for name, value in node.environment.items()}
    given["home"] += "/deployer"
    async with (
        open_store(Settings.model_validate(given), name="deployer") as store,
        open_driver(DockerSettings.model_validate(given)) as engine,
    ):
        made = RealPlatform(store, node.engine, store, engine, **given)
        made.node = node
        made.agents.publishing = made.agents.checking = False
        async with supervise(agents=made.agents.run()), made.deploying():
            yield made


@pytest.fixture
async def platform(etcd: EtcdServer, docker_engine: Dockerd, tmp_path: Path) -> AsyncIterator[RealPlatform]:
    async with a_node(etcd, docker_engine, tmp_path) as node, a_platform(node) as made:
        yield made


async def test_an_app_lives_from_its_first_deploy_to_its_end(platform: RealPlatform) -> None:
    async with platform.node.agents():
        app = await platform.create()
        await platform.change(app, settings=r.AppSettings(stop_grace_seconds=1))
        first = await platform.run(app, platform.node.image, formation={"cmd": 2})
        assert first.port == 5000
        second = await platform.run(app, platform.node.image)
        assert second.succeeded
        await platform.only("v3 cmd.1", "v3 cmd.2")
        await platform.change(app, state="destroying")

        async def gone() -> bool:
            return await platform.apps.get(app.id) is None

        await eventually(gone)
        assert await platform.there() == []


async def test_a_crashing_release_fails_with_its_words_and_the_old_one_stays(platform: RealPlatform) -> None:
    broken = platform.node.daemon.import_image(
        "broken", cmd=["sh", "-c", "echo no database is configured >&2; exit 3"], expose=[5000]
    )
    async with platform.node.agents():
        app = await platform.create()
        await platform.change(app, settings=r.AppSettings(stop_grace_seconds=1))
        await platform.run(app, platform.node.image, formation={"cmd": 1})
        before = [i.identity.id for i in await platform.there()]
        revision = await platform.deploy(app, broken)
        rollout = await platform.settled(app, 3, revision)
        assert rollout.phase == "failed"
        assert "3" in rollout.reason
        assert "no database is configured" in rollout.last_lines
        assert (await platform.app(app)).release == 2
        await platform.only("v2 cmd.1")
        assert [i.identity.id for i in await platform.there()] == before


async def test_an_image_that_is_nowhere_fails_in_the_engines_words(platform: RealPlatform) -> None:
    app = await platform.create()
    revision = await platform.deploy(app, "127.0.0.1:1/nowhere:v1", formation={"cmd": 1})
    rollout = await platform.settled(app, 2, revision)
    assert rollout.phase == "failed"
    assert "127.0.0.1:1" in rollout.reason


async def test_a_command_that_does_not_exist_fails_in_the_engines_words(platform: RealPlatform) -> None:
    bad = platform.node.daemon.import_image("bad", cmd=["/bin/no-such-program"], expose=[5000])
    app = await platform.create()
    revision = await platform.deploy(app, bad, formation={"cmd": 1})
    rollout = await platform.settled(app, 2, revision)
    assert rollout.phase == "failed"
    assert "no-such-program" in rollout.reason


async def test_an_engine_killed_in_the_middle_of_a_deploy_loses_nothing(
    own_etcd: EtcdServer, own_docker_engine: Dockerd, tmp_path: Path
) -> None:
    async with a_node(own_etcd, own_docker_engine, tmp_path) as node, a_platform(node) as platform, node.agents():
        app = await platform.create()
        await platform.change(app, settings=r.AppSettings(stop_grace_seconds=1))
        await platform.run(app, node.image, formation={"cmd": 2})
        revision = await platform.deploy(app, node.image)
        await eventually(lambda: platform.rollout(app, 3))
        own_docker_engine.kill9()
        own_docker_engine.start()
        rollout = await platform.settled(app, 3, revision)
        assert rollout.phase == "done"
        await platform.only("v3 cmd.1", "v3 cmd.2")
        own_etcd.kill9()
        own_etcd.start()
        await eventually(lambda: _answers(platform), what="the test's own line to etcd is back")
        await platform.run(app, node.image)
        await platform.only("v4 cmd.1", "v4 cmd.2")


async def _answers(platform: RealPlatform) -> bool:
    try:
        await platform.store.identity()
    except StoreUnavailable:
        return False
    return True
