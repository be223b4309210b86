from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from libs.engine import EngineUnavailable, ExecTimedOut, Executed, InstanceRefused, InstanceSpec
from libs.engine.drivers.docker import DockerEngine, commands
from tests.integration.engine.conftest import Open, instance
from tests.support.dockerd import Dockerd
from tests.support.waiting import eventually

DEADLINE = 60.0


@pytest.fixture
def cannot_kill(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As where the engine's processes are not seen: on another host, or from within a container."""
    monkeypatch.setattr(commands, "kill_session", lambda *_: False)
    yield
    monkeypatch.undo()


async def started(docker: DockerEngine) -> InstanceSpec:
    spec = instance()
    await docker.start(spec)
    return spec


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_command_sees_what_the_process_sees(docker_engine: Dockerd, docker: DockerEngine) -> None:
    docker_engine.import_image("placed")
    given = instance(image="placed")
    spec = InstanceSpec(given.identity, given.image, given.command, environment={"GREETING": "a b=c"}, port=81)
    await docker.start(spec)
    executed = await docker.execute(spec.name, ("sh", "-c", "echo $GREETING $PORT $DEIS_PROCESS"), seconds=DEADLINE)
    assert executed == Executed(0, "a b=c 81 web.1\n")
    status = (
        await docker.execute(spec.name, ("grep", "-E", "NoNewPrivs|CapBnd", "/proc/self/status"), seconds=60)
    ).output
    assert status.split() == ["CapBnd:", "00000000000004fb", "NoNewPrivs:", "1"]


async def test_what_a_command_leaves_behind_with_its_output_open_does_not_hold_up_its_answer(
    docker: DockerEngine,
) -> None:
    spec = await started(docker)
    executed = await docker.execute(spec.name, ("sh", "-c", "sleep 1000 & echo ended"), seconds=1)
    assert executed == Executed(0, "ended\n")


async def test_a_paused_instance_executes_nothing(docker_engine: Dockerd, docker: DockerEngine) -> None:
    spec = await started(docker)
    docker_engine.ask("POST", f"/containers/{spec.name}/pause")
    with pytest.raises(InstanceRefused, match="is paused"):
        await docker.execute(spec.name, ("true",), seconds=DEADLINE)
    docker_engine.ask("POST", f"/containers/{spec.name}/unpause")


async def test_an_instance_that_is_removed_while_a_command_runs_refuses_it(
    docker_engine: Dockerd, docker: DockerEngine
) -> None:
    spec = await started(docker)

    async def execute() -> Executed | InstanceRefused:
        try:
            return await docker.execute(spec.name, ("sleep", "1000"), seconds=DEADLINE)
        except InstanceRefused as error:
            return error

    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
        executing = group.create_task(execute())
        await eventually(lambda: len(docker_engine.inspect(spec.name)["ExecIDs"] or ()) == 1, within=DEADLINE)
        docker_engine.ask("DELETE", f"/containers/{spec.name}", force="1")
    assert isinstance(executing.result(), InstanceRefused) or executing.result() == Executed(137, "")


@pytest.mark.usefixtures("cannot_kill")
async def test_a_command_that_cannot_be_ended_holds_up_the_next_one_in_its_instance_alone(
    docker_engine: Dockerd, docker: DockerEngine
) -> None:
    stuck, other = await started(docker), await started(docker)
    for _ in range(2):
        with pytest.raises((ExecTimedOut, InstanceRefused)):
            await docker.execute(stuck.name, ("sleep", "1000"), seconds=0.3)
    (left,) = docker_engine.inspect(stuck.name)["ExecIDs"]
    with pytest.raises(InstanceRefused, match="over its time"):
        await docker.execute(stuck.name, ("true",), seconds=DEADLINE)
    assert (await docker.execute(other.name, ("true",), seconds=DEADLINE)).code == 0
    os.kill(docker_engine.ask("GET", f"/exec/{left}/json")["Pid"], signal.SIGKILL)

    async def again() -> bool:
        try:
            return (await docker.execute(stuck.name, ("true",), seconds=DEADLINE)).code == 0
        except InstanceRefused:
            return False

    await eventually(again, within=DEADLINE)


async def test_what_the_engine_needs_to_begin_is_not_the_commands_time(
    docker_engine: Dockerd, docker: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "BEGIN_SECONDS", 0.5)
    spec = await started(docker)
    shim = parent_of(docker_engine.inspect(spec.name)["State"]["Pid"])  # begins what is executed
    with stopped(shim), pytest.raises(EngineUnavailable, match="did not begin"):
        await docker.execute(spec.name, ("sleep", "1000"), seconds=0.01)
    monkeypatch.undo()
    running = ("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")

    async def alone() -> bool:
        return "sleep 1000 " not in (await docker.execute(spec.name, running, seconds=DEADLINE)).output

    await eventually(alone, within=DEADLINE)


async def test_an_engine_that_was_restarted_meanwhile_does_not_know_the_outcome(
    own_docker_engine: Dockerd, open_docker: Open
) -> None:
    docker = await open_docker(own_docker_engine)
    spec = await started(docker)

    async def execute() -> None:
        with pytest.raises(EngineUnavailable):
            await docker.execute(spec.name, ("sleep", "1000"), seconds=DEADLINE)

    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
        group.create_task(execute())
        await eventually(lambda: len(own_docker_engine.inspect(spec.name)["ExecIDs"] or ()) == 1, within=DEADLINE)
        own_docker_engine.restart()
    assert (await docker.execute(spec.name, ("true",), seconds=DEADLINE)).code == 0


async def test_commands_leave_no_connection_and_no_file_open(docker: DockerEngine) -> None:
    """On this side; the engine itself closes such a connection when it collects its garbage."""
    spec = await started(docker)

    async def some(count: int) -> None:
        for number in range(count):
            assert (await docker.execute(spec.name, ("sh", "-c", f"exit {number}"), seconds=DEADLINE)).code == number
        with pytest.raises(InstanceRefused):
            await docker.execute(spec.name, ("no-such-program",), seconds=DEADLINE)
        with pytest.raises(ExecTimedOut):
            await docker.execute(spec.name, ("sleep", "1000"), seconds=0.2)

    await some(1)
    before = open_files()
    await some(30)
    assert open_files() <= before
