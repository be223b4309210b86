"""What every engine driver keeps of an instance that runs once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from libs.engine import EngineUnavailable, InstanceSpec
from tests.contract.engine.conftest import Driver, Ground
from tests.contract.engine.test_engine_contract import DEADLINE, a_spec, in_state, seen

LATEST = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)


async def once(engine: Driver) -> InstanceSpec:
    spec = await a_spec(engine)
    return replace(spec, identity=replace(spec.identity, type="run"), port=None, checks="", once=True, until=LATEST)


async def test_one_that_runs_once_shows_that_it_does_and_until_when(engine: Driver) -> None:
    spec, other = await once(engine), await a_spec(engine, number=2)
    await engine.start(spec)
    await engine.start(other)
    found, ordinary = await in_state(engine, spec, "running"), await in_state(engine, other, "running")
    assert (found.identity, found.once, found.until) == (spec.identity, True, LATEST)
    assert (ordinary.once, ordinary.until) == (False, None)


async def test_its_end_is_its_process_end_with_that_ones_code(ground: Ground, engine: Driver) -> None:
    spec = await once(engine)
    await engine.start(spec)
    running = await in_state(engine, spec, "running")
    await ground.crash(spec.name)
    async with asyncio.timeout(DEADLINE):
        found = await engine.ended(spec.name)
    assert found is not None
    assert (found.state, found.exit_code, found.restarts, found.once) == ("exited", 137, 0, True)
    assert found.started == running.started
    assert found.finished is not None
    assert await seen(engine, spec) == found


async def test_who_waits_for_its_end_hears_of_a_stop(engine: Driver) -> None:
    spec = await once(engine)
    await engine.start(spec)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(engine.ended(spec.name))
        await in_state(engine, spec, "running")
        assert not waiting.done()
        await engine.stop(spec.name, grace=0)
    found = waiting.result()
    assert found is not None
    assert found.state == "exited"


async def test_once_it_has_run_it_is_never_started_again(ground: Ground, engine: Driver) -> None:
    spec = await once(engine)
    await engine.start(spec)
    await in_state(engine, spec, "running")
    await ground.crash(spec.name)
    before = await in_state(engine, spec, "exited")
    await engine.start(spec)
    await (await ground.client()).start(spec)
    assert await seen(engine, spec) == before


async def test_an_absent_one_has_no_end(ground: Ground, engine: Driver) -> None:
    assert await engine.ended((await once(engine)).name) is None
    spec = await once(engine)
    await engine.start(spec)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(engine.ended(spec.name))
        await in_state(engine, spec, "running")
        await ground.take_away(spec.name)
    found = waiting.result()
    assert found is None or found.state in {"exited", "dead"}


async def test_who_waits_hears_that_the_engine_goes_away_and_can_ask_again(ground: Ground, engine: Driver) -> None:
    spec = await once(engine)
    await engine.start(spec)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(caught(engine, spec.name))
        await in_state(engine, spec, "running")
        await ground.go_away()
    assert waiting.result() is True
    await ground.come_back()
    await in_state(engine, spec, "running")
    await ground.crash(spec.name)
    async with asyncio.timeout(DEADLINE):
        found = await engine.ended(spec.name)
    assert found is not None
    assert found.exit_code == 137


async def caught(engine: Driver, name: str) -> bool:
    with pytest.raises(EngineUnavailable):
        await engine.ended(name)
    return True
