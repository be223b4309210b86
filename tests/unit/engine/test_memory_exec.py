from __future__ import annotations

import asyncio
import math

import pytest

from libs.engine import EngineUnavailable, ExecTimedOut, Executed, Identity, InstanceRefused, InstanceSpec
from libs.engine.drivers.memory import MemoryEngine, Outcome
from tests.support.waiting import eventually

WHO = Identity("a1b2", "shop", "3f1c", "web", 1, 7)
CHECK = ("/bin/check", "db")


@pytest.fixture
async def engine() -> MemoryEngine:
    engine = MemoryEngine()
    await engine.start(InstanceSpec(WHO, engine.add_image("shop").digest))
    return engine


async def test_a_command_goes_as_its_image_says_and_its_instance_has_the_last_word(engine: MemoryEngine) -> None:
    engine.let_execute("shop", Outcome(0, "fine"))
    assert await engine.execute(WHO.name, CHECK, seconds=5) == Executed(0, "fine")
    engine.let_execute(WHO.name, Outcome(3, "no db"))
    assert await engine.execute(WHO.name, CHECK, seconds=5) == Executed(3, "no db")
    engine.let_execute(WHO.name, None)
    assert await engine.execute(WHO.name, CHECK, seconds=5) == Executed(0, "fine")


async def test_a_function_sees_each_command(engine: MemoryEngine) -> None:
    engine.let_execute("shop", lambda command: Outcome(0 if command == CHECK else 1))
    assert (await engine.execute(WHO.name, CHECK, seconds=5)).code == 0
    assert (await engine.execute(WHO.name, ("other",), seconds=5)).code == 1


async def test_a_program_that_nobody_described_is_not_there(engine: MemoryEngine) -> None:
    with pytest.raises(InstanceRefused, match='exec: "/bin/check": executable file not found'):
        await engine.execute(WHO.name, CHECK, seconds=5)


async def test_one_that_hangs_times_out_and_is_over(engine: MemoryEngine) -> None:
    engine.let_execute("shop", Outcome(seconds=math.inf))
    with pytest.raises(ExecTimedOut, match=r"'/bin/check db' in shop_v7.web.1-a1b2 did not end within 0.01 s"):
        await engine.execute(WHO.name, CHECK, seconds=0.01)
    assert engine.host.executing == 0


async def test_the_end_of_the_run_ends_what_is_executed_in_it(engine: MemoryEngine) -> None:
    engine.let_execute("shop", Outcome(seconds=math.inf))
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        executing = group.create_task(engine.execute(WHO.name, CHECK, seconds=60))
        await eventually(lambda: engine.host.executing == 1)
        engine.kill(WHO.name)
    assert executing.result().code == 137


async def test_an_engine_that_goes_away_takes_the_answer_with_it(engine: MemoryEngine) -> None:
    engine.let_execute("shop", Outcome(seconds=math.inf))

    async def execute() -> None:
        with pytest.raises(EngineUnavailable):
            await engine.execute(WHO.name, CHECK, seconds=60)

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(execute())
        await eventually(lambda: engine.host.executing == 1)
        engine.go_away()
