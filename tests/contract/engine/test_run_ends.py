"""What every engine driver keeps of the end of a run: told at once, and seen by the next look."""

from __future__ import annotations

import asyncio

import pytest

from libs.engine.drivers.docker import census
from tests.contract.engine.conftest import Driver, Ground
from tests.contract.engine.test_engine_contract import a_spec, in_state, seen


async def test_a_run_that_ended_is_told_with_its_time_and_no_later_look_shows_it(
    ground: Ground, engine: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(census, "YOUNG_SECONDS", 0.0)  # as if it had run for long, so that a look may remember it
    spec = await a_spec(engine)
    async with engine.events() as events:
        await engine.start(spec)
        first = await in_state(engine, spec, "running")
        assert await seen(engine, spec) == first
        await ground.crash(spec.name)
        async with asyncio.timeout(60):
            ended = await anext(event.ended async for event in events if event.ended is not None)
        found = await seen(engine, spec)
    assert first.started is not None
    assert ended is not None
    assert ended > first.started
    assert found is not None
    assert (found.state, found.started) != ("running", first.started)
    again = await in_state(engine, spec, "running")
    assert again.started is not None
    assert again.started > ended
