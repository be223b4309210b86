from __future__ import annotations

import asyncio

import pytest

from libs.engine import EngineUnavailable, Identity, InstanceSpec
from libs.engine.drivers.memory import Behaviour, MemoryEngine

WHO = Identity("a1b2", "shop", "3f1c", "web", 1, 7)


async def started(behaviour: Behaviour) -> MemoryEngine:
    engine = MemoryEngine()
    engine.host.slow_seconds = 0.01
    image = engine.add_image("shop", behaviour=behaviour)
    await engine.start(InstanceSpec(WHO, image.digest, port=8000))
    return engine


async def state(engine: MemoryEngine) -> str:
    return (await engine.instances()).instances[0].state


async def test_a_slow_one_runs_after_a_while() -> None:
    engine = await started("slow")
    assert await state(engine) == "created"
    async with asyncio.timeout(30):
        async with engine.events() as events:
            async for event in events:
                if event.action == "start":
                    break
    assert await state(engine) == "running"


async def test_one_that_never_runs_stays_created() -> None:
    engine = await started("never")
    await engine.stop(WHO.name, grace=1)
    assert await state(engine) == "created"


async def test_one_that_crashes_restarts_until_it_is_stopped() -> None:
    engine = await started("crash")
    async with asyncio.timeout(30):
        async with engine.events() as events:
            deaths = 0
            async for event in events:
                deaths += event.action == "die"
                if deaths == 2:
                    break
    found = (await engine.instances()).instances[0]
    assert (found.state, found.exit_code, found.reason) == ("restarting", 1, "exited with code 1")
    await engine.stop(WHO.name, grace=1)
    assert await state(engine) == "exited"


async def test_a_verb_fails_as_it_was_told_until_it_is_healed() -> None:
    engine = await started("well")
    engine.fail_with("instances", EngineUnavailable("away"))
    with pytest.raises(EngineUnavailable):
        await engine.instances()
    engine.fail_with("instances", None)
    assert await state(engine) == "running"


async def test_a_reader_that_lags_too_far_behind_is_cut_off() -> None:
    engine = await started("well")
    async with asyncio.timeout(30), engine.events() as events:
        for _ in range(2000):
            engine.host.tell(engine.host.rows[WHO.name], "oom")
        with pytest.raises(EngineUnavailable):
            [event async for event in events]


async def test_one_client_may_be_away_while_another_is_not() -> None:
    engine = await started("well")
    other = engine.fork()
    with engine.away():
        with pytest.raises(EngineUnavailable):
            await engine.instances()
        assert await state(other) == "running"
    assert await state(engine) == "running"
