from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from libs.engine import InstanceSpec
from libs.engine.drivers.docker import DockerEngine, stopping
from libs.engine.drivers.docker.wire import json_values
from tests.integration.engine.conftest import Open, instance
from tests.support.dockerd import Dockerd
from tests.support.waiting import eventually

DEADLINE = 60.0

# Says each signal, and goes on.
STUBBORN = 'for s in TERM QUIT; do trap "echo $s" $s; done; echo up; while :; do sleep 0.05 & wait $!; done'


async def stubborn(docker: DockerEngine) -> InstanceSpec:
    """An instance that ignores what should end it, and is ready to."""
    spec = instance("sh", "-c", STUBBORN)
    await docker.start(spec)
    await eventually(lambda: said(docker, spec, "up"), within=DEADLINE)
    return spec


async def words(docker: DockerEngine, spec: InstanceSpec) -> list[str]:
    async with docker.logs(spec.name, follow=False) as pieces:
        return [piece.data.decode().strip() async for piece in pieces]


async def said(docker: DockerEngine, spec: InstanceSpec, word: str) -> bool:
    return word in await words(docker, spec)


async def sent(docker: DockerEngine, spec: InstanceSpec) -> list[str]:
    """The signals that the engine sent, as it tells them."""
    query = {"since": 0, "until": f"{time.time():.9f}", "filters": {"container": [spec.name], "event": ["kill"]}}
    async with asyncio.timeout(DEADLINE), docker._wire.stream("GET", "events", query=query) as chunks:
        return [event["Actor"]["Attributes"]["signal"] async for event in json_values(chunks)]


async def is_killed(docker: DockerEngine, spec: InstanceSpec) -> bool:
    found = {one.name: one for one in (await docker.instances()).instances}[spec.name]
    return (found.state, found.exit_code, found.reason) == ("exited", 137, "killed by signal 9")


@pytest.fixture
def asked(docker: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """What the driver changes at the engine: the verb of each request, and its query."""
    requests: list[tuple[str, dict[str, Any]]] = []
    ask = docker._wire.ask

    async def noting(method: str, path: str, **rest: Any) -> Any:
        if method == "POST":
            requests.append((path.rpartition("/")[2], rest.get("query") or {}))
        return await ask(method, path, **rest)

    with monkeypatch.context() as patch:
        patch.setattr(docker._wire, "ask", noting)
        yield requests


@pytest.mark.parametrize("grace", [0, 0.1, 0.5, 1, 2])
async def test_one_signal_then_its_grace_then_the_end(docker: DockerEngine, grace: float) -> None:
    spec = await stubborn(docker)
    await docker.stop(spec.name, grace=grace)
    assert await is_killed(docker, spec)
    assert await sent(docker, spec) == ["15", "9"]
    await docker.stop(spec.name, grace=grace)
    assert await sent(docker, spec) == ["15", "9"]


async def test_a_fraction_of_a_second_is_the_drivers_own_deadline(
    docker: DockerEngine, asked: list[tuple[str, dict[str, Any]]]
) -> None:
    spec = await stubborn(docker)
    asked.clear()
    await docker.stop(spec.name, grace=0.1)
    assert [verb for verb, _ in asked] == ["stop", "kill", "wait"]
    assert asked[0][1] == {"t": 1}, "the engine's own, should the driver die meanwhile"


async def test_a_process_that_ends_in_its_grace_is_not_killed(docker: DockerEngine) -> None:
    spec = instance("sh", "-c", 'trap "sleep 0.3; exit 7" TERM; echo up; while :; do sleep 0.05 & wait $!; done')
    await docker.start(spec)
    await eventually(lambda: said(docker, spec, "up"), within=DEADLINE)
    await docker.stop(spec.name, grace=30.5)
    (found,) = (await docker.instances()).instances
    assert (found.state, found.exit_code) == ("exited", 7)


async def test_another_leaders_stop_sends_no_second_signal_and_makes_the_grace_no_longer(
    docker_engine: Dockerd, docker: DockerEngine, open_docker: Open
) -> None:
    spec = await stubborn(docker)
    other = await open_docker(docker_engine, platform=docker._platform)
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
        first = group.create_task(docker.stop(spec.name, grace=DEADLINE * 10))
        await eventually(lambda: said(docker, spec, "TERM"), within=DEADLINE)
        await other.stop(spec.name, grace=0.2)  # of the same signal's time, and it may be over by now
        await first
    assert await is_killed(docker, spec)
    assert (await words(docker, spec)).count("TERM") == 1


async def test_a_stop_whose_asker_died_goes_on_to_its_end(
    docker_engine: Dockerd, docker: DockerEngine, open_docker: Open
) -> None:
    spec = await stubborn(docker)
    mortal = await open_docker(docker_engine, platform=docker._platform)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(mortal.stop(spec.name, grace=2))
        await eventually(lambda: said(docker, spec, "TERM"), within=DEADLINE)
        first.cancel()
    await eventually(lambda: is_killed(docker, spec), within=DEADLINE)
    assert await sent(docker, spec) == ["15", "9"]


async def test_a_new_run_gets_a_signal_of_its_own(docker: DockerEngine) -> None:
    spec = await stubborn(docker)
    for runs in (1, 2):
        await docker.stop(spec.name, grace=0.2)
        assert await sent(docker, spec) == ["15", "9"] * runs
        await docker.start(spec)


async def test_a_signal_that_is_not_the_images_stop_signal_does_not_count(
    docker_engine: Dockerd, docker: DockerEngine
) -> None:
    spec = await stubborn(docker)
    docker_engine.ask("POST", f"/containers/{spec.name}/kill", signal="QUIT")
    await eventually(lambda: said(docker, spec, "QUIT"), within=DEADLINE)
    await docker.stop(spec.name, grace=0.2)
    assert await sent(docker, spec) == ["3", "15", "9"]


async def test_a_signal_whose_grace_was_over_long_ago_was_no_stop(
    docker_engine: Dockerd, docker: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = await stubborn(docker)
    docker_engine.ask("POST", f"/containers/{spec.name}/kill", signal="TERM")
    await eventually(lambda: said(docker, spec, "TERM"), within=DEADLINE)
    monkeypatch.setattr(stopping, "STALE_SECONDS", 0.0)
    await docker.stop(spec.name, grace=0)
    assert await sent(docker, spec) == ["15", "15", "9"]


async def test_a_paused_one_is_stopped(docker_engine: Dockerd, docker: DockerEngine) -> None:
    spec = await stubborn(docker)
    docker_engine.ask("POST", f"/containers/{spec.name}/pause")
    await docker.stop(spec.name, grace=0.2)
    assert await is_killed(docker, spec)
    assert await sent(docker, spec) == ["15", "9"]
