"""What every engine driver keeps of commands in instances."""

from __future__ import annotations

import asyncio

import pytest

from libs.engine import EngineUnavailable, ExecTimedOut, InstanceRefused
from tests.contract.engine.conftest import CHATTY, HANGING, Driver, Ground
from tests.contract.engine.test_engine_contract import DEADLINE, a_spec, in_state
from tests.support.waiting import eventually


async def running(engine: Driver) -> str:
    """The name of an instance that runs."""
    spec = await a_spec(engine)
    await engine.start(spec)
    await in_state(engine, spec, "running")
    return spec.name


async def test_a_command_ends_with_its_code_and_what_it_wrote_on_both_streams(engine: Driver) -> None:
    name = await running(engine)
    passed = await engine.execute(name, ("true",), seconds=DEADLINE)
    assert (passed.code, passed.output) == (0, "")
    failed = await engine.execute(name, ("sh", "-c", "echo out; echo err >&2; exit 3"), seconds=DEADLINE)
    assert (failed.code, sorted(failed.output.split())) == (3, ["err", "out"])


@pytest.mark.parametrize("code", [126, 127])
async def test_a_command_may_end_with_the_codes_of_a_missing_program(engine: Driver, code: int) -> None:
    name = await running(engine)
    assert (await engine.execute(name, ("sh", "-c", f"exit {code}"), seconds=DEADLINE)).code == code


async def test_the_end_of_a_long_output_is_kept_and_bad_bytes_are_replaced(engine: Driver) -> None:
    name = await running(engine)
    executed = await engine.execute(name, CHATTY, seconds=DEADLINE)
    assert len(executed.output.encode()) <= 1024
    assert executed.output.endswith("a\N{REPLACEMENT CHARACTER}b, the end\n")
    assert executed.code == 0


@pytest.mark.parametrize("command", [("no-such-program",), ("/tmp",), ("",), ()])
async def test_what_cannot_be_run_is_refused(engine: Driver, command: tuple[str, ...]) -> None:
    name = await running(engine)
    with pytest.raises(InstanceRefused) as caught:
        await engine.execute(name, command, seconds=DEADLINE)
    assert caught.value.name == name
    assert caught.value.reason


async def test_a_missing_program_is_named_in_the_engines_words(engine: Driver) -> None:
    name = await running(engine)
    with pytest.raises(InstanceRefused, match='exec: "no-such-program": executable file not found'):
        await engine.execute(name, ("no-such-program",), seconds=DEADLINE)


async def test_nothing_is_executed_where_nothing_runs(engine: Driver) -> None:
    name = await running(engine)
    await engine.stop(name, grace=0)
    with pytest.raises(InstanceRefused):
        await engine.execute(name, ("true",), seconds=DEADLINE)
    await engine.remove(name)
    with pytest.raises(InstanceRefused):
        await engine.execute(name, ("true",), seconds=DEADLINE)


async def test_nothing_is_executed_in_another_platforms_instance(ground: Ground, engine: Driver) -> None:
    name = await running(engine)
    other = await ground.client("other")
    with pytest.raises(InstanceRefused):
        await other.execute(name, ("true",), seconds=DEADLINE)


async def test_a_command_over_its_time_is_told_so_and_ended_and_the_instance_runs_on(
    ground: Ground, engine: Driver
) -> None:
    spec = await a_spec(engine)
    await engine.start(spec)
    before = await in_state(engine, spec, "running")
    with pytest.raises(ExecTimedOut) as caught:
        await engine.execute(spec.name, HANGING, seconds=0.3)
    assert (caught.value.command, caught.value.seconds) == (HANGING, 0.3)
    await eventually(lambda: not ground.hangs(spec.name), within=DEADLINE)
    assert (await engine.execute(spec.name, ("true",), seconds=DEADLINE)).code == 0
    assert await in_state(engine, spec, "running") == before


async def test_a_command_that_nobody_waits_for_any_more_is_ended(ground: Ground, engine: Driver) -> None:
    name = await running(engine)
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
        executing = group.create_task(engine.execute(name, HANGING, seconds=DEADLINE))
        await eventually(lambda: ground.hangs(name), within=DEADLINE)
        executing.cancel()
    await eventually(lambda: not ground.hangs(name), within=DEADLINE)


async def test_the_end_of_the_run_ends_the_command(ground: Ground, engine: Driver) -> None:
    name = await running(engine)
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
        executing = group.create_task(engine.execute(name, HANGING, seconds=DEADLINE))
        await eventually(lambda: ground.hangs(name), within=DEADLINE)
        await ground.crash(name)
    assert executing.result().code == 137


async def test_commands_run_beside_each_other(engine: Driver) -> None:
    name = await running(engine)
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
        asked = {
            code: group.create_task(engine.execute(name, ("sh", "-c", f"exit {code}"), seconds=DEADLINE))
            for code in range(5)
        }
    assert {code: task.result().code for code, task in asked.items()} == {code: code for code in range(5)}


async def test_an_engine_that_goes_away_makes_the_outcome_unknown(ground: Ground, engine: Driver) -> None:
    name = await running(engine)

    async def execute() -> None:
        with pytest.raises(EngineUnavailable):
            await engine.execute(name, HANGING, seconds=DEADLINE)

    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
        group.create_task(execute())
        await eventually(lambda: ground.hangs(name), within=DEADLINE)
        await ground.go_away()
    with pytest.raises(EngineUnavailable):
        await engine.execute(name, ("true",), seconds=DEADLINE)
    await ground.come_back()
