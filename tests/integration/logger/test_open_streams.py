"""An open stream that does not say all that is stored, as Docker's at a rotation: made good, or told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from libs.engine import LogPiece
from libs.engine.drivers.memory import MemoryEngine
from services.log_agent import followers, watching
from services.log_agent.watching import APART
from tests.integration.logger.world import World, numbers
from tests.support.waiting import eventually


class Faulty(MemoryEngine):
    """An open stream says the numbered lines that it `hears`, not the others, and after the first None nothing."""

    def __init__(self, hears: Callable[[int], bool | None]) -> None:
        super().__init__()
        self._hears = hears

    @asynccontextmanager
    async def logs(
        self, name: str, *, since: int = 0, follow: bool = True, tail: int | None = None
    ) -> AsyncIterator[AsyncIterator[LogPiece]]:
        async with super().logs(name, since=since, follow=follow, tail=tail) as pieces:
            yield self._heard(pieces) if follow else pieces

    async def _heard(self, pieces: AsyncIterator[LogPiece]) -> AsyncIterator[LogPiece]:
        async for piece in pieces:
            match self._hears(int(piece.data.split()[1])):
                case True:
                    yield piece
                case None:
                    await asyncio.Event().wait()


async def with_output(world: World[Faulty], lines: list[str]) -> None:
    """An instance that said these lines, a file's time apart."""
    name = await world.start("a1")
    begin = time.time_ns() - 60 * 10**9
    world.engine.host.rows[name].output.extend(
        LogPiece(begin + n * (APART + 1), "stdout", f"{line}\n".encode()) for n, line in enumerate(lines)
    )


def a_world(home: Path, hears: Callable[[int], bool | None]) -> World[Faulty]:
    engine = Faulty(hears)
    engine.add_image("app")
    return World(home, engine)


async def test_what_an_open_stream_keeps_to_itself_is_read_from_what_is_stored(tmp_path: Path) -> None:
    world = a_world(tmp_path, lambda n: True if n < 5 else None)
    await with_output(world, numbers(0, 10))
    async with world.logger(), world.agent() as agent:
        await world.has(numbers(0, 10))

        def counted() -> bool:
            return bool(agent.registry.get_sample_value("deis_log_agent_silent_streams_total"))

        await eventually(counted, what="the stream's silence in the figures")


async def test_what_an_open_stream_passed_over_is_told_once(tmp_path: Path) -> None:
    world = a_world(tmp_path, lambda n: not 4 <= n < 8)
    await with_output(world, numbers(0, 10))
    async with world.logger(), world.agent() as agent:

        async def told() -> bool:
            *lines, last = await world.lines() or [""]
            assert lines == numbers(0, 4) + numbers(8, 10)
            return last.startswith("lines may be missing: the container engine passed over what was said between ")

        await eventually(told, what="the lines that came, and that some may be missing")
        assert agent.registry.get_sample_value("deis_log_agent_gaps_total") == 1


async def test_a_stream_whose_lines_no_logger_takes_is_not_called_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SOON", "LATE", "EVERY", "RARELY"):
        monkeypatch.setattr(watching, name, 10**6)
    monkeypatch.setattr(followers, "CHECK_SECONDS", 0.01)
    world = a_world(tmp_path, lambda _: True)
    name = await world.start("a1")
    lines = [f"line {n} {'x' * 1000}" for n in range(1000)]
    async with world.agent(log_agent_stall_seconds=1) as agent:
        async with world.logger():
            world.engine.say(name, f"{lines[0]}\n".encode())
            await world.has(lines[:1])
        for line in lines[1:]:
            world.engine.say(name, f"{line}\n".encode())

        def figure(what: str) -> float | None:
            return agent.registry.get_sample_value(f"deis_log_agent_{what}_total")

        await eventually(lambda: figure("stalls"), what="the stream is left since nobody takes its lines")
        assert figure("silent_streams") == 0
        async with world.logger():
            await world.has(lines)
