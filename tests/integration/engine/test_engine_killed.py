from __future__ import annotations

import asyncio
import os
import signal
import urllib.request
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from libs.engine import EngineUnavailable, Instance, LogPiece
from tests.integration.engine.conftest import Open, instance
from tests.support.dockerd import Dockerd
from tests.support.waiting import eventually

WEB = "mkdir -p /tmp/www; echo here I am > /tmp/www/index.html; exec httpd -f -p 8000 -h /tmp/www"


def fetch(address: str | None) -> str:
    with urllib.request.urlopen(f"http://{address}:8000/", timeout=30) as answer:
        return str(answer.read().decode())


async def test_killed_and_restarted_the_engine_finds_its_containers_running_at_their_addresses(
    own_docker_engine: Dockerd, open_docker: Open
) -> None:
    docker = await open_docker(own_docker_engine)
    for _ in range(2):
        await docker.start(instance("sh", "-c", WEB))
    before = (await docker.instances()).instances
    assert len(before) == 2
    began = docker.began()
    assert began is not None
    for one in before:
        await eventually(partial(answers, one), within=60)

    own_docker_engine.kill9()
    with pytest.raises(EngineUnavailable):
        await docker.instances()
    assert docker.began() is None
    assert {await asyncio.to_thread(fetch, one.address) for one in before} == {"here I am\n"}

    own_docker_engine.start()
    assert (await docker.instances()).instances == before
    assert (docker.began() or 0) > began
    third = instance()
    await docker.start(third)
    addresses = {one.address for one in (await docker.instances()).instances}
    assert len(addresses) == 3


async def answers(one: Instance) -> bool:
    try:
        return await asyncio.to_thread(fetch, one.address) == "here I am\n"
    except OSError:
        return False


async def test_one_that_was_stopped_stays_stopped_over_a_restart_of_the_engine(
    own_docker_engine: Dockerd, open_docker: Open
) -> None:
    docker = await open_docker(own_docker_engine)
    stopped, running = instance(), instance()
    await docker.start(stopped)
    await docker.start(running)
    await docker.stop(stopped.name, grace=0)
    own_docker_engine.restart()
    states = {one.name: one.state for one in (await docker.instances()).instances}
    assert states == {stopped.name: "exited", running.name: "running"}


async def test_one_that_died_while_the_engine_was_away_is_restarted_at_its_address(
    own_docker_engine: Dockerd, open_docker: Open
) -> None:
    docker = await open_docker(own_docker_engine)
    spec, other = instance(), instance()
    await docker.start(spec)
    await docker.start(other)
    before = {one.name: one for one in (await docker.instances()).instances}
    pid = own_docker_engine.inspect(spec.name)["State"]["Pid"]
    own_docker_engine.kill9()
    os.kill(pid, signal.SIGKILL)
    own_docker_engine.start()

    async def both_run() -> bool:
        found = {one.name: one for one in (await docker.instances()).instances}
        return all(one.state == "running" for one in found.values()) and all(
            found[name].address == before[name].address for name in before
        )

    await eventually(both_run, within=60)
    after = {one.name: one for one in (await docker.instances()).instances}
    assert after[spec.name].started != before[spec.name].started
    assert after[other.name].started == before[other.name].started


async def test_output_is_read_on_where_it_was_left_when_the_engine_was_killed(
    own_docker_engine: Dockerd, open_docker: Open
) -> None:
    docker = await open_docker(own_docker_engine)
    spec = instance("sh", "-c", "n=0; while :; do n=$((n + 1)); echo $n; usleep 20000; done")
    await docker.start(spec)
    read: list[LogPiece] = []

    async def follow() -> None:
        async with docker.logs(spec.name, since=read[-1].at + 1 if read else 0) as pieces:
            async for piece in pieces:
                read.append(piece)  # noqa: PERF401 — what was read until it broke counts

    async with asyncio.timeout(100), asyncio.TaskGroup() as group:
        following = group.create_task(until_it_breaks(follow()))
        await eventually(lambda: len(read) > 10, within=60)
        own_docker_engine.kill9()
        await following
        seen = len(read)
        own_docker_engine.start()
        following = group.create_task(follow())
        await eventually(lambda: len(read) > seen + 10, within=60)
        await docker.stop(spec.name, grace=0)
        await following
    numbers = [int(piece.data) for piece in read]
    assert numbers == list(range(1, len(numbers) + 1))


async def until_it_breaks(following: Coroutine[Any, Any, None]) -> None:
    with pytest.raises(EngineUnavailable):
        await following


async def test_one_that_runs_once_and_ended_while_the_engine_was_away_tells_its_own_code(
    own_docker_engine: Dockerd, open_docker: Open
) -> None:
    docker = await open_docker(own_docker_engine)
    spec = replace(instance("sh", "-c", "trap 'exit 7' TERM; while :; do sleep 1 & wait $!; done"), once=True)
    await docker.start(spec)
    pid = own_docker_engine.inspect(spec.name)["State"]["Pid"]
    await eventually(lambda: handles_sigterm(pid), within=60)
    own_docker_engine.kill9()
    os.kill(pid, signal.SIGTERM)
    await eventually(lambda: not is_alive(pid), within=60)
    own_docker_engine.start()
    found = await docker.ended(spec.name)
    assert found is not None
    assert (found.state, found.exit_code, found.restarts) == ("exited", 7, 0)
    assert found.finished is not None


async def test_one_that_runs_once_and_was_lost_with_its_host_is_no_success(
    own_docker_engine: Dockerd, open_docker: Open
) -> None:
    docker = await open_docker(own_docker_engine)
    spec = replace(instance(), once=True)
    await docker.start(spec)
    pid = own_docker_engine.inspect(spec.name)["State"]["Pid"]
    own_docker_engine.kill9()
    own_docker_engine.lose_shims()
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    await eventually(lambda: not is_alive(pid), within=60)
    own_docker_engine.start()
    found = await docker.ended(spec.name)
    assert found is not None
    assert found.state == "exited"
    assert found.exit_code == 255


def handles_sigterm(pid: int) -> bool:
    caught = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}
