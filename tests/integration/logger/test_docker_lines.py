"""The same from a real Docker Engine: its files, its pieces, its times, and its death."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from libs.engine.drivers.docker import DockerEngine, DockerSettings, open_driver
from tests.integration.logger.world import World, numbers
from tests.support.dockerd import Dockerd, free_subnet
from tests.support.waiting import eventually

MOST_IN_HAND = 2000  # lines that the engine takes from a container at once, 16 KiB


@asynccontextmanager
async def a_world(dockerd: Dockerd, home: Path) -> AsyncIterator[World[DockerEngine]]:
    settings = DockerSettings(
        home=home, docker_host=dockerd.host, platform=f"t{uuid.uuid4().hex[:8]}", subnet=free_subnet()
    )
    async with open_driver(settings) as engine:
        world = World(home, engine)
        try:
            yield world
        finally:
            for instance in (await engine.instances()).instances:
                await engine.stop(instance.name, grace=0)
                await engine.remove(instance.name)


def script(text: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", text)


def in_streams(text: str) -> Iterator[tuple[str, int]]:
    for line in text.splitlines():
        stream, _, number = line.partition(": ")[2].partition(" ")
        yield stream, int(number)


async def test_both_streams_of_a_container_arrive_each_in_its_order(docker_engine: Dockerd, tmp_path: Path) -> None:
    said = "i=0; while [ $i -lt 300 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done; sleep 1000"
    async with a_world(docker_engine, tmp_path) as world, world.logger(), world.agent():
        await world.start("a1", image="busybox", command=script(said))

        async def all_there() -> bool:
            return len(await world.lines()) == 600

        await eventually(all_there)
        _, text = await world.ask("/shop", log_lines="1000")
        for stream in ("out", "err"):
            assert [n for name, n in in_streams(text) if name == stream] == list(range(300))


async def test_a_long_line_is_joined_and_one_beyond_the_cap_is_cut_and_marked(
    docker_engine: Dockerd, tmp_path: Path
) -> None:
    said = (
        "head -c 100000 /dev/zero | tr '\\0' a; echo; "
        "head -c 300000 /dev/zero | tr '\\0' b; echo; echo end; printf 'no newline'; exec sleep 1000"
    )
    async with a_world(docker_engine, tmp_path) as world, world.logger(), world.agent():
        name = await world.start("a1", image="busybox", command=script(said))
        await world.has(["a" * 100_000, "b" * 262_144 + " [deis: 37856 bytes cut]", "end"])
        await world.engine.stop(name, grace=0)
        await world.publish(name)
        await world.has(["a" * 100_000, "b" * 262_144 + " [deis: 37856 bytes cut]", "end", "no newline"])


async def test_a_stopped_container_is_told_read_to_its_end(docker_engine: Dockerd, tmp_path: Path) -> None:
    said = "trap 'echo last words; exit 0' TERM; echo ready; while :; do sleep 0.1; done"
    async with a_world(docker_engine, tmp_path) as world, world.logger(), world.agent():
        name = await world.start("a1", image="busybox", command=script(said))
        await world.has(["ready"])
        await world.engine.stop(name, grace=10)
        record = await world.publish(name)
        assert record is not None
        end = await eventually(lambda: world.end(name), what="the end")
        assert end.finished == record.finished
        assert await world.lines() == ["ready", "last words"]


async def test_agent_logger_and_engine_killed_in_turn_cost_and_double_no_line(
    own_docker_engine: Dockerd, tmp_path: Path
) -> None:
    said = (
        "i=0; while [ $i -lt 4000 ]; do echo line $i; i=$((i+1)); [ $((i % 20)) = 0 ] && sleep 0.05; done; sleep 1000"
    )

    async with a_world(own_docker_engine, tmp_path) as world:

        async def more_than(count: int) -> bool:
            return len(await world.lines()) > count

        async with world.logger():
            async with world.agent(kill=True):
                await world.start("a1", image="busybox", command=script(said))
                await eventually(lambda: more_than(200))
            async with world.agent(kill=True):
                await eventually(lambda: more_than(600))
                own_docker_engine.kill9()
                own_docker_engine.start()
                await eventually(lambda: more_than(1000))
        async with world.agent(), world.logger():

            async def the_last_is_there() -> bool:
                return (await world.lines())[-1:] == numbers(3999, 4000)

            await eventually(the_last_is_there)
            before, after = "\n".join(await world.lines()).split("\nlines may be missing: ")
        assert "container engine stopped and began again" in after
        first, second = before.splitlines(), after.splitlines()[1:]
        assert first == numbers(0, len(first))
        # What the engine held when it was killed may be lost, and that was told.
        assert second == numbers(4000 - len(second), 4000)
        assert len(first) + len(second) > 4000 - MOST_IN_HAND
