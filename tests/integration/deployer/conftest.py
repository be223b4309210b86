"""A platform in memory with its agents; the tests say whether a deployer runs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from libs.daemon import supervise
from tests.support.deployer.platform import MemoryPlatform


@pytest.fixture
async def quiet() -> AsyncIterator[MemoryPlatform]:
    """Agents, and no deployer yet."""
    made = MemoryPlatform()
    async with supervise(agents=made.agents.run()):
        yield made


@pytest.fixture
async def platform(quiet: MemoryPlatform) -> AsyncIterator[MemoryPlatform]:
    """Agents and a deployer."""
    async with quiet.deploying():
        yield quiet
