from __future__ import annotations

import os
import signal

from libs.keyspace.records import Check, Checks, ExecAction, HttpAction, TcpAction
from tests.integration.health_checker.ward import Ward
from tests.support.dockerd import Dockerd
from tests.support.waiting import eventually

FOUND = Check(exec=ExecAction(command=("cat", "/tmp/found")), period_seconds=0.2, timeout_seconds=20)
UP = Check(exec=ExecAction(command=("cat", "/tmp/up")), period_seconds=0.2, timeout_seconds=20)
ANSWERS = Check(http=HttpAction(path="/index.html"), period_seconds=0.5)
SAYS_NO = "cat /tmp/found exited with 1: cat: can't open '/tmp/found': No such file or directory"


async def test_a_command_in_the_container_says_when_it_is_ready_and_when_not(ward: Ward) -> None:
    await ward.start("a1", Checks(readiness=FOUND))
    waiting = await ward.says("a1", lambda verdict: not verdict.ready)
    assert (waiting.started, waiting.live, waiting.reason) == (False, True, SAYS_NO)
    await ward.run("a1", "touch", "/tmp/found")
    ready = await ward.says("a1", lambda verdict: verdict.ready)
    assert (ready.started, ready.before) == (True, SAYS_NO)
    await ward.run("a1", "rm", "/tmp/found")
    assert (await ward.says("a1", lambda verdict: not verdict.ready)).reason == SAYS_NO


async def test_one_that_does_not_start_in_its_budget_is_not_live_until_it_does(ward: Ward) -> None:
    await ward.start("a1", Checks(startup=FOUND.changed(failure_threshold=10), readiness=ANSWERS))
    down = await ward.says("a1", lambda verdict: not verdict.live)
    assert (down.started, down.ready) == (False, False)
    assert down.live_reason == f"did not start within 2 s: {SAYS_NO}"
    await ward.run("a1", "touch", "/tmp/found")
    up = await ward.says("a1", lambda verdict: verdict.ready)
    assert (up.started, up.live, up.live_reason) == (True, True, "")


async def test_one_that_answers_requests_and_fails_its_liveness_command_is_not_live(ward: Ward) -> None:
    await ward.start("a1", Checks(readiness=ANSWERS, liveness=UP))
    assert (await ward.says("a1", lambda verdict: verdict.ready)).live
    await ward.run("a1", "rm", "/tmp/up")
    down = await ward.says("a1", lambda verdict: not verdict.live)
    assert (down.started, down.ready) == (True, True)
    assert down.live_reason.startswith("cat /tmp/up exited with 1: cat: can't open")


async def test_a_command_that_hangs_is_ended_and_told(ward: Ward) -> None:
    hangs = Check(exec=ExecAction(command=("sleep", "1000")), timeout_seconds=0.5)
    await ward.start("a1", Checks(readiness=hangs))
    assert (await ward.says("a1", lambda verdict: True)).reason == "sleep 1000 did not end within 0.5 s"


async def test_a_program_that_is_not_there_is_named(ward: Ward) -> None:
    await ward.start("a1", Checks(readiness=Check(exec=ExecAction(command=("pg_isready", "-q")), timeout_seconds=20)))
    reason = (await ward.says("a1", lambda verdict: True)).reason
    assert reason.startswith("pg_isready -q cannot be executed: ")
    assert "pg_isready" in reason.partition(": ")[2]


async def test_a_suspected_instance_is_unready_while_it_hangs_and_confirmed_when_it_answers(ward: Ward) -> None:
    seldom = ANSWERS.changed(period_seconds=3600, timeout_seconds=0.3)
    await ward.start("a1", Checks(readiness=seldom, liveness=Check(tcp=TcpAction(), period_seconds=0.5)))
    await ward.says("a1", lambda verdict: verdict.ready)
    pid = ward.node.pid("a1")
    os.kill(pid, signal.SIGSTOP)
    try:
        since = await ward.suspect("a1")
        down = await ward.says("a1", lambda verdict: not verdict.ready)
        assert "got no answer from" in down.reason
        assert down.confirmed is None
    finally:
        os.kill(pid, signal.SIGCONT)
    up = await ward.says("a1", lambda verdict: verdict.ready and verdict.confirmed is not None)
    assert up.confirmed is not None
    assert up.confirmed >= since


async def test_an_engine_that_died_says_nothing_on_what_runs(mortal_ward: Ward, own_docker_engine: Dockerd) -> None:
    ward = mortal_ward
    await ward.start("a1", Checks(readiness=ANSWERS, liveness=UP))
    up = await ward.says("a1", lambda verdict: verdict.ready)
    own_docker_engine.kill9()
    await eventually(lambda: ward.faults() >= 5)
    assert ward.health.get("n1", "shop", "a1") == up
    own_docker_engine.start()
    await ward.run("a1", "rm", "/tmp/up")
    assert not (await ward.says("a1", lambda verdict: not verdict.live)).live
