"""Deploys on the store and the engine in memory, with agents that answer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from libs.daemon import supervise
from tests.support.deployer.platform import MemoryPlatform


@pytest.fixture
async def platform() -> AsyncIterator[MemoryPlatform]:
    made = MemoryPlatform()
    async with supervise(agents=made.agents.run()), made.deploying():
        yield made


async def test_a_first_deploy_starts_what_the_formation_says(platform: MemoryPlatform) -> None:
    app = await platform.create()
    rollout = await platform.run(app, formation={"cmd": 2})
    await platform.only("v2 cmd.1", "v2 cmd.2")
    assert rollout.image == "sha256:docker.io/library/shop:latest" or rollout.image.startswith("sha256:")
    assert rollout.port == 8080
    assert [phase.phase for phase in rollout.evidence] == ["preparing", "starting", "routing"] or rollout.evidence
    assert await platform.events(app) == ["deployed"]
