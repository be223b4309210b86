from __future__ import annotations

import pytest

from libs.daemon import Settings
from libs.engine import Images, Logs
from libs.engine.opening import NoSuchDriver, available, open_engine


async def test_the_configured_driver_is_opened() -> None:
    async with open_engine(Settings(engine="memory")) as engine:
        assert isinstance(engine, Images)
        assert isinstance(engine, Logs)
        assert (await engine.instances()).instances == ()


async def test_a_driver_that_is_not_there_is_named_with_those_that_are() -> None:
    assert available() == ["docker", "memory"]
    with pytest.raises(NoSuchDriver, match="'swarm'; there are: docker, memory"):
        async with open_engine(Settings(engine="swarm")):
            pass
