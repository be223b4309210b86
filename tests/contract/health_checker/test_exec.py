from __future__ import annotations

import asyncio
import math

import pytest
from prometheus_client import CollectorRegistry

from libs.engine import Engine, Identity, InstanceSpec
from libs.engine.drivers.memory import MemoryEngine
from libs.engine.drivers.memory import Outcome as Goes
from libs.keyspace.document import now
from libs.keyspace.records import Check, ExecAction, TcpAction
from services.health_checker.kinds.exec import COMMAND_CHARACTERS, OUTPUT_CHARACTERS, executing
from services.health_checker.probe import PASSED, Opened, Outcome, open_probes
from services.health_checker.prober import Prober
from services.health_checker.settings import HealthCheckerSettings
from services.health_checker.target import Target
from tests.support.waiting import eventually

WHO = Identity("a1", "shop", "u", "web", 1, 2)
READY = ("check", "--deep")


@pytest.fixture
async def engine() -> MemoryEngine:
    engine = MemoryEngine()
    await engine.start(InstanceSpec(WHO, engine.add_image("shop").digest))
    return engine


async def probe(engine: object, *command: str, seconds: float = 30.0) -> Outcome:
    async def opened() -> Engine:
        return engine  # type: ignore[return-value]  # one of them is an engine that lacks a seam

    check = Check(exec=ExecAction(command=command or READY), timeout_seconds=seconds)
    target = Target(WHO.name, None, None, now(), check)
    return await executing(opened, "memory")(target, check, check.exec)


async def test_a_command_that_exits_with_zero_passes(engine: MemoryEngine) -> None:
    engine.let_execute("shop", lambda command: Goes(0 if command == READY else 1, "fine"))
    assert await probe(engine) == PASSED


async def test_another_code_fails_with_what_the_command_said_last(engine: MemoryEngine) -> None:
    engine.let_execute("shop", Goes(3, "looking\x1b[1m\n no  database\n"))
    assert await probe(engine) == Outcome(passed=False, reason="check --deep exited with 3: looking [1m no database")
    engine.let_execute("shop", Goes(1))
    assert (await probe(engine)).reason == "check --deep exited with 1"


async def test_the_reason_is_one_line_with_the_end_of_the_output(engine: MemoryEngine) -> None:
    engine.let_execute("shop", Goes(1, "".join(f"line {n}\r\n" for n in range(200)) + "the end"))
    reason = (await probe(engine, "sh", "-c", "echo 'a b'\n" * 50)).reason
    command, _, said = reason.partition(" exited with 1: ")
    assert reason.isprintable()
    assert (len(command), command[-1], command[:6]) == (COMMAND_CHARACTERS, "…", "sh -c ")
    assert (len(said), said[0], said[-16:]) == (OUTPUT_CHARACTERS, "…", "line 199 the end")


async def test_one_that_does_not_end_in_time_or_cannot_be_executed_fails_in_plain_words(engine: MemoryEngine) -> None:
    engine.let_execute("shop", Goes(seconds=math.inf))
    assert (await probe(engine, seconds=0.01)).reason == "check --deep did not end within 0.01 s"
    engine.let_execute("shop", Goes(refused="no such file\nor directory"))
    outcome = await probe(engine)
    assert outcome == Outcome(passed=False, reason="check --deep cannot be executed: no such file or directory")


async def test_an_engine_that_does_not_answer_says_nothing_on_the_instance(engine: MemoryEngine) -> None:
    with engine.away():
        outcome = await probe(engine)
    assert outcome.fault
    assert outcome.reason == "the engine did not execute check --deep: the engine in memory is away"


async def test_an_engine_that_executes_nothing_says_so() -> None:
    outcome = await probe(object())
    assert outcome.fault
    assert outcome.reason.startswith("the engine 'memory' executes no commands in instances")


async def test_the_engine_is_opened_with_the_first_command_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    closed: list[str] = []

    class Watched(MemoryEngine):
        def __init__(self, *, platform: str) -> None:
            super().__init__(platform=platform)
            opened.append(platform)

        async def close(self) -> None:
            closed.append(self.platform)
            await super().close()

    monkeypatch.setattr("libs.engine.drivers.memory.MemoryEngine", Watched)
    settings = HealthCheckerSettings(engine="memory", platform="p1", execs_in_flight=2)
    async with open_probes(settings) as kinds:
        assert kinds["exec"].in_flight == 2
        prober = Prober(kinds, asyncio.get_running_loop().time, CollectorRegistry())
        tcp, command = Check(tcp=TcpAction()), Check(exec=ExecAction(command=READY))
        target = Target(WHO.name, None, None, now(), tcp)
        await prober.probe(target, tcp)
        assert not opened
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(prober.probe(target, command)) for _ in range(5)]
        assert opened == ["p1"]
        assert [one.result().outcome.reason for one in asked] == [
            f"check --deep cannot be executed: No such container: {WHO.name}"
        ] * 5
        assert not closed
    assert closed == ["p1"]


async def test_commands_that_wait_for_the_engine_hold_up_no_other_kind() -> None:
    release, running = asyncio.Event(), 0

    async def hang(target: Target, check: Check, action: object) -> Outcome:
        nonlocal running
        running += 1
        await release.wait()
        return PASSED

    async def pass_(target: Target, check: Check, action: object) -> Outcome:
        return PASSED

    kinds = {"exec": Opened(hang, 2), "tcp": Opened(pass_, 2)}
    prober = Prober(kinds, asyncio.get_running_loop().time, CollectorRegistry())
    tcp, command = Check(tcp=TcpAction()), Check(exec=ExecAction(command=READY))
    target = Target(WHO.name, None, None, now(), tcp)
    async with asyncio.TaskGroup() as group:
        for _ in range(9):
            group.create_task(prober.probe(target, command))
        await eventually(lambda: running == 2)
        assert (await prober.probe(target, tcp)).outcome == PASSED
        assert running == 2
        release.set()
    assert running == 9
