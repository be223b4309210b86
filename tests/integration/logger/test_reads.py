"""What a logger answers to a read with filters."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import ClientConnectionError

from libs.engine.drivers.memory import MemoryEngine
from tests.integration.logger.world import World
from tests.support.waiting import eventually

Spoken = World[MemoryEngine]


@pytest.fixture
def world(tmp_path: Path) -> Spoken:
    engine = MemoryEngine()
    engine.add_image("app")
    return World(tmp_path, engine)


async def test_the_last_lines_are_the_last_that_pass_the_filters(world: Spoken) -> None:
    async with world.logger(), world.agent():
        name = await world.start("a1")
        said = [f"{n} {'ERROR' if n % 10 == 0 else 'INFO'} x" for n in range(100)]
        for text in said:
            world.engine.say(name, text.encode() + b"\n")
        await world.has(said)
        assert await world.lines(level="error") == said[::10]
        assert await world.lines(grep="^[0-9]0 E.* x$") == said[10::10]
        assert await world.lines(process="web.2") == []
        _, text = await world.ask("/shop", log_lines="2", grep="ERROR")
        assert [line.partition(": ")[2] for line in text.splitlines()] == ["80 ERROR x", "90 ERROR x"]
        assert await world.ask("/shop", until="1h") == (204, "")
        assert len(await world.lines(since="1h", until="0s", stream="stdout")) == 100


@pytest.mark.parametrize(
    ("parameter", "value", "told"),
    [
        ("grep", "(", "grep is '('; it must be a pattern of RE2 (missing ): ()"),
        ("level", "loud", "level is 'loud'; it must be debug, info, warning or error"),
        ("until", "noon", "until is 'noon'; it must be an age as 10m"),
    ],
)
async def test_a_filter_that_cannot_be_read_is_refused_with_what_would_be_right(
    world: Spoken, parameter: str, value: str, told: str
) -> None:
    async def answers() -> bool:
        with suppress(ClientConnectionError):
            return (await world.ask("/shop"))[0] == 204
        return False

    async with world.logger():
        await eventually(answers)
        status, text = await world.ask("/shop", **{parameter: value})
        assert status == 400
        assert told in text
        assert await world.ask("/shop", colour="red") == (204, "")
