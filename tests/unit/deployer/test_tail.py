"""The last lines of an instance: bounded in number, length and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from libs.engine import Identity, InstanceSpec, LogPiece
from libs.engine.drivers.memory import MemoryEngine
from services.controller.deployer.tail import LONGEST, last_lines

IDENTITY = Identity("i1", "shop", "uuid", "web", 1, 2)


async def engine_with(*output: bytes) -> MemoryEngine:
    engine = MemoryEngine()
    engine.add_image("shop")
    await engine.start(InstanceSpec(identity=IDENTITY, image=(await engine.resolve("shop")).digest))
    for piece in output:
        engine.say(IDENTITY.name, piece)
    return engine


async def test_they_are_the_last_ones_and_the_oldest_comes_first() -> None:
    engine = await engine_with(*(f"line {number}\n".encode() for number in range(60)))
    assert await last_lines(engine, IDENTITY.name, 50) == tuple(f"line {number}" for number in range(10, 60))


async def test_a_long_line_is_cut_and_bytes_that_are_no_text_are_marked() -> None:
    engine = await engine_with(b"x" * 2000 + b"\n", b"caf\xe9\n")
    assert await last_lines(engine, IDENTITY.name, 50) == ("x" * LONGEST, "caf�")


@pytest.mark.parametrize("name", ["", "gone"])
async def test_an_instance_that_is_not_there_has_none(name: str) -> None:
    assert await last_lines(await engine_with(b"here\n"), name, 50) == ()


async def test_an_engine_that_is_away_gives_none() -> None:
    engine = await engine_with(b"here\n")
    engine.go_away()
    assert await last_lines(engine, IDENTITY.name, 50) == ()


async def test_what_came_before_the_engine_fell_silent_is_told() -> None:
    class Stuck(MemoryEngine):
        """It gives one piece, and then no more and no end."""

        @asynccontextmanager
        async def logs(self, name: str, **_: Any) -> AsyncIterator[AsyncIterator[LogPiece]]:
            async with super().logs(name, follow=True) as pieces:
                yield pieces

    engine = await engine_with(b"cannot open the database\n")
    assert await last_lines(Stuck(engine.host), IDENTITY.name, 50, patience=0.05) == ("cannot open the database",)


async def test_an_engine_that_is_busy_with_the_container_is_waited_for() -> None:
    class Busy(MemoryEngine):
        """It says nothing until somebody had to wait for longer than usual."""

        @asynccontextmanager
        async def logs(self, name: str, **asked: Any) -> AsyncIterator[AsyncIterator[LogPiece]]:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await asyncio.Event().wait()
            async with super().logs(name, **asked) as pieces:
                yield pieces

    engine = await engine_with(b"cannot open the database\n")
    assert await last_lines(Busy(engine.host), IDENTITY.name, 50, patience=0.01) == ("cannot open the database",)
