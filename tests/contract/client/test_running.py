"""`deis run`."""

from __future__ import annotations

import asyncio
import json
import signal

import pytest
from aiohttp import web

from tests.contract.client.conftest import SECONDS, Deis
from tests.contract.client.stand_in import VERSIONS, StandIn, says


@pytest.fixture
def paper(deis: Deis, stand_in: StandIn) -> Deis:
    stand_in.app("paper")
    return deis


def asked(stand_in: StandIn) -> str:
    ((_, path, body),) = stand_in.writes()
    assert path == "/v1/apps/paper/run"
    return str(body["command"])


async def test_it_prints_what_version_1_did_and_exits_as_the_command(paper: Deis) -> None:
    told = await paper("run", "exit", "3", status=3)
    assert told.out == "Running 'exit 3'...\nran exit 3\n"
    assert told.err == ""


@pytest.mark.parametrize(("code", "status"), [(0, 0), (1, 1), (137, 137), (255, 255), (256, 255), (-1, 255)])
async def test_no_exit_code_of_a_command_becomes_another_by_chance(paper: Deis, code: int, status: int) -> None:
    told = await paper.process("run", "--", "exit", str(code), status=status)
    assert told.out.endswith(f"ran exit {code}\n")


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["run", "ls -la /"], "ls -la /"),
        (["run", "--", "ls", "-la", "--json"], "ls -la --json"),
        (["run", "ls", "--help", "-a", "paper", "-l"], "ls --help -l"),
        (["run", "ls", "-a"], "ls -a"),
        (["run", "--", "ls", "-a", "x", "--app=y"], "ls -a x --app=y"),
        (["run", "env", "--app=paper"], "env"),
        (["run", "-a", "paper", "env"], "env"),
        (["apps:run", "--app=paper", "--", "--", "x"], "-- x"),
        (["run", "git", "--", "file"], "git -- file"),
        (["run", "echo", "a  b", "'c d'"], "echo a  b 'c d'"),
    ],
)
async def test_all_behind_the_first_word_is_the_commands(
    paper: Deis, stand_in: StandIn, words: list[str], command: str
) -> None:
    told = await paper(*words)
    assert asked(stand_in) == command
    assert told.out.startswith(f"Running '{command}'...\n")


async def test_for_programs_it_is_one_document_and_the_same_exit_status(paper: Deis) -> None:
    told = await paper("run", "--json", "exit", "3", status=3)
    assert json.loads(told.out) == {"exit_code": 3, "output": "ran exit 3\n"}


async def test_what_is_missing_of_a_long_output_is_said_beside_it(paper: Deis, stand_in: StandIn) -> None:
    answer = [3, "[deis: the first 1234 bytes of the output were left out]\nend\n"]
    headers = {**VERSIONS, "Deis-Run-Left-Out": "1234"}
    stand_in.answers["POST /v1/apps/paper/run"] = says(200, answer, headers=headers)
    told = await paper("run", "dump", status=3)
    assert told.out == "Running 'dump'...\nend\n"
    assert told.err.startswith("The output is not whole: at least its first 1234 bytes are missing")
    told = await paper("run", "--json", "dump", status=3)
    assert json.loads(told.out) == {"exit_code": 3, "output": "end\n", "left_out": 1234}
    assert "not whole" in told.err
    stand_in.answers["POST /v1/apps/paper/run"] = says(200, answer, headers=VERSIONS)
    assert (await paper("run", "dump", status=3)).out == f"Running 'dump'...\n{answer[1]}"


async def test_output_passes_through_a_pipe_as_it_is(paper: Deis, stand_in: StandIn) -> None:
    wild = "\x1b[31mred\x1b[0m\r\x07 grün without an end"
    stand_in.answers["POST /v1/apps/paper/run"] = says(200, [0, wild], headers=VERSIONS)
    assert (await paper("run", "x")).out == f"Running 'x'...\n{wild}"


async def test_without_a_command_it_says_how(paper: Deis, stand_in: StandIn) -> None:
    told = await paper("run", status=1)
    assert "COMMAND" in told.err
    assert stand_in.writes() == []


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (400, "BAD REQUEST", "No build associated with this release to run this command"),
        (503, "SERVICE UNAVAILABLE", "run.1 did not end within 1200 seconds and was stopped"),
    ],
)
async def test_a_run_that_failed_is_an_error(
    paper: Deis, stand_in: StandIn, status: int, reason: str, words: str
) -> None:
    refused = says(status, {"detail": words}, reason=reason, headers=VERSIONS)
    stand_in.answers["POST /v1/apps/paper/run"] = refused
    told = await paper("run", "x", status=1)
    assert told.out == "Running 'x'...\n"
    assert words in told.err


@pytest.mark.parametrize("answer", [{}, [], [0], ["0", 1], [None, ""], "text"])
async def test_an_answer_that_is_none_is_no_success(paper: Deis, stand_in: StandIn, answer: object) -> None:
    stand_in.answers["POST /v1/apps/paper/run"] = says(200, answer, headers=VERSIONS)
    assert "Error: " in (await paper("run", "x", status=1)).err


async def test_an_interrupt_says_what_becomes_of_the_command(paper: Deis, stand_in: StandIn) -> None:
    hung = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        hung.set()
        await asyncio.Event().wait()
        raise AssertionError

    stand_in.answers["POST /v1/apps/paper/run"] = hang
    process = await paper.start("run", "sleep", "1000")
    async with asyncio.timeout(SECONDS):
        await hung.wait()
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert process.returncode == 130
    assert out == b"Running 'sleep 1000'...\n"
    assert b"The command goes on to its end in its container" in err
    assert b"`deis logs -a paper`" in err
