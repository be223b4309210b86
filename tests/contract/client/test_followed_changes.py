"""A change that the command follows: on a terminal, with what new processes write, and where the line breaks."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from libs.client import watching
from libs.client.api import connection
from tests.contract.client.conftest import SECONDS, Deis
from tests.contract.client.stand_in import DATE, VERSIONS, Handler, StandIn, says, streams
from tests.contract.client.test_terminal import start
from tests.support.terminal import Terminal

BUILDS = "POST /v1/apps/paper/builds"
BUILD = {"uuid": "b0", "app": "paper", "image": "example/web:v1"}
OUT: dict[str, Any] = {"event": "result", "status": 201, "headers": {"Deis-Release": "2"}, "body": BUILD}
FELL = {
    "event": "result",
    "status": 503,
    "headers": {},
    "body": {"detail": "web.1 exited with code 1; v1 goes on\nboom"},
}
LOST = {"event": "lost", "lines": 7}


def release(phase: str, waiting: str = "", **fields: Any) -> dict[str, Any]:
    return {"event": "release", "version": 2, "app": "paper", "phase": phase, "waiting": waiting, **fields}


def log(line: str, instance: str = "web.1") -> dict[str, Any]:
    return {"event": "log", "instance": instance, "stream": "stdout", "at": "2026-01-02T03:04:05.123456Z", "line": line}


LOGGED = "2026-01-02T03:04:05UTC paper[web.1]: "


@pytest.fixture
def paper(deis: Deis, stand_in: StandIn) -> Deis:
    stand_in.app("paper")
    return deis


def steered(stand_in: StandIn, *documents: Any) -> list[asyncio.Event]:
    """Let a deploy tell these, each once its event is set."""
    steps = [asyncio.Event() for _ in documents]

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson", **VERSIONS})
        await response.prepare(request)
        for step, document in zip(steps, documents, strict=True):
            await step.wait()
            await response.write(b"\n" + json.dumps(document).encode() + b"\n")
        return response

    stand_in.answers[BUILDS] = answer
    return steps


def asked_for(stand_in: StandIn) -> list[str]:
    return [path for method, path, _ in stand_in.asked if method == "POST"]


async def shows(terminal: Terminal, text: str) -> None:
    await terminal.until(lambda: text in terminal.shown)


async def test_a_terminal_tells_on_one_line_what_the_controller_tells(paper: Deis, stand_in: StandIn) -> None:
    first, second, end = steered(stand_in, release("starting", "web.1 to start"), release("routing", "router r1"), OUT)
    terminal = await start(paper, "pull", "example/web:v1")
    first.set()
    await shows(terminal, " v2 starting, waits for web.1 to start")
    second.set()
    await shows(terminal, " v2 routing, waits for router r1")
    end.set()
    assert await terminal.end() == 0
    assert terminal.shown.endswith("\rCreating build... done\x1b[K\r\n")
    assert terminal.shown.count("\n") == 1
    assert asked_for(stand_in) == ["/v1/apps/paper/builds?logs=false"]


async def test_log_lines_stand_above_the_progress_line_on_demand(paper: Deis, stand_in: StandIn) -> None:
    first, second, end = steered(stand_in, log("Listening\x1b[2J on \x1b[32m5000"), LOST, OUT)
    terminal = await start(paper, "pull", "example/web:v1", "--logs")
    first.set()
    await shows(terminal, "Listening\\x1b[2J on \x1b[32m5000")
    second.set()
    await shows(terminal, "(7 lines were left out: see `deis logs -a paper`)\r\n")
    end.set()
    assert await terminal.end() == 0
    assert "paper[web.1]:" in terminal.shown
    assert terminal.shown.endswith("\rCreating build... done\x1b[K\r\n")
    assert asked_for(stand_in) == ["/v1/apps/paper/builds"]


async def test_a_pipe_follows_nothing_and_gets_the_bytes_of_version_1(paper: Deis, stand_in: StandIn) -> None:
    kinds = []

    async def plain(request: web.Request) -> web.StreamResponse:
        kinds.append(request.headers["Accept"])
        return web.json_response(BUILD, status=201, headers=VERSIONS)

    stand_in.answers[BUILDS] = plain
    told = await paper("pull", "example/web:v1")
    assert (told.out, told.err) == ("Creating build... done\n", "")
    assert kinds == ["application/json"]


async def test_log_lines_in_a_pipe_go_beside_the_answer(paper: Deis, stand_in: StandIn) -> None:
    stand_in.answers[BUILDS] = streams(release("starting"), log("one"), LOST, log("two"), {"event": "later"}, OUT)
    told = await paper("pull", "example/web:v1", "--logs")
    assert told.out == "Creating build... done\n"
    lost = "(7 lines were left out: see `deis logs -a paper`)"
    assert told.err == f"{LOGGED}one\n{lost}\n{LOGGED}two\n"
    told = await paper("pull", "example/web:v1", "--logs", "--json")
    assert json.loads(told.out) == BUILD
    assert told.err.splitlines()[0] == f"{LOGGED}one"


CHANGES = [
    ("config:set A=1", "config", {"values": {"A": "1", "DEIS_RELEASE": "v2"}}, 201, "Creating config... done, v2"),
    ("config:unset A", "config", {"values": {"DEIS_RELEASE": "v2"}}, 201, "Removing config... done, v2"),
    ("limits:set web=1G", "config", {"values": {"DEIS_RELEASE": "v2"}}, 201, "Applying limits... done, v2"),
    ("limits:unset web", "config", {"values": {"DEIS_RELEASE": "v2"}}, 201, "Applying limits... done, v2"),
    ("tags:set disk=ssd", "config", {"values": {"DEIS_RELEASE": "v2"}}, 201, "Applying tags... done, v2"),
    ("tags:unset disk", "config", {"values": {"DEIS_RELEASE": "v2"}}, 201, "Applying tags... done, v2"),
    ("healthchecks:set readiness tcpSocket --type cmd", "healthchecks", {"release": "v2"}, 201, "done, v2"),
    ("rollback v1", "releases/rollback", {"version": 2}, 201, "Rolling back to v1... done, v2"),
    ("scale cmd=2", "scale", None, 204, "done in 0s"),
    ("restart", "containers/restart", [{"type": "cmd", "num": 1}], 200, "done in 0s"),
]


@pytest.mark.parametrize(("command", "path", "body", "status", "done"), CHANGES)
async def test_each_change_that_is_deployed_can_be_followed(  # noqa: PLR0917 - a row of the table
    paper: Deis, stand_in: StandIn, command: str, path: str, body: Any, status: int, done: str
) -> None:
    result = {"event": "result", "status": status, "headers": {}, "body": body}
    stand_in.answers[f"POST /v1/apps/paper/{path}"] = streams(release("starting"), log("hello"), result)
    told = await paper(*command.split(), "--logs")
    assert done in told.out
    assert told.err.startswith(f"{LOGGED}hello\n")


async def test_a_file_of_config_can_be_followed(paper: Deis, stand_in: StandIn) -> None:
    (paper.directory / ".env").write_text("A=1\n", encoding="utf-8")
    result = {"event": "result", "status": 201, "headers": {}, "body": {"values": {"DEIS_RELEASE": "v2"}}}
    stand_in.answers["POST /v1/apps/paper/config"] = streams(log("hello"), result)
    assert "done, v2" in (await paper("config:push", "--logs")).out


async def test_a_change_that_failed_says_so_as_ever(paper: Deis, stand_in: StandIn) -> None:
    failing = says(FELL["status"], FELL["body"], reason="SERVICE UNAVAILABLE", headers=VERSIONS)  # type: ignore[arg-type]
    stand_in.answers[BUILDS] = failing
    plain = await paper("pull", "example/web:v1", status=1)
    stand_in.answers[BUILDS] = streams(release("failed", reason="web.1 exited with code 1"), FELL)
    followed = await paper("pull", "example/web:v1", "--logs", status=1)
    assert (followed.out, followed.err) == (plain.out, plain.err)
    assert "web.1 exited with code 1; v1 goes on" in followed.err


async def test_what_is_refused_before_it_was_written_is_told_as_ever(paper: Deis, stand_in: StandIn) -> None:
    body = {"image": ["Enter a valid image name."]}
    stand_in.answers[BUILDS] = says(400, body, reason="BAD REQUEST", headers=VERSIONS)
    told = await paper("pull", "example/web:v1", "--logs", status=1)
    assert told.err.endswith('image: Enter a valid image name. "example/web:v1" is none.\n')
    assert "(400 BAD REQUEST)" in told.err


async def test_an_older_controller_answers_when_the_change_is_out(paper: Deis, stand_in: StandIn) -> None:
    told = await paper("pull", "example/web:v1", "--logs")
    assert (told.out, told.err) == ("Creating build... done\n", "")


async def hangs_up(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson", **VERSIONS})
    await response.prepare(request)
    return response


GOES_ON = "The change is made and goes on without this command"


@pytest.mark.parametrize(
    ("answer", "known", "watch"),
    [
        (
            streams(release("starting", "web.1 to start"), broken=True),
            "When it was last heard of, v2 was starting, waiting for web.1 to start. ",
            "deis releases:watch v2 -a paper",
        ),
        (
            streams(release("done", "nothing more")),
            "When it was last heard of, v2 was done. ",
            "deis releases:watch v2 -a paper",
        ),
        (hangs_up, "", "deis releases:watch -a paper"),
    ],
)
async def test_a_line_that_breaks_says_what_is_known_and_how_to_follow_on(
    paper: Deis, stand_in: StandIn, answer: Handler, known: str, watch: str
) -> None:
    stand_in.answers[BUILDS] = answer
    told = await paper("pull", "example/web:v1", "--logs", status=1)
    assert told.out == "Creating build... failed\n"
    first, second = told.err.splitlines()
    assert first.startswith("Error: the connection to http://deis.localhost:")
    assert second == f"{known}{GOES_ON}: `{watch}` follows it."
    assert len(asked_for(stand_in)) == 1


async def test_a_line_that_falls_silent_is_broken(
    paper: Deis, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SILENCE_SECONDS", 0.2)
    first, never = steered(stand_in, release("starting"), OUT)
    first.set()
    told = await paper("pull", "example/web:v1", "--logs", status=1)
    never.set()
    assert "no answer within 0.2 seconds" in told.err
    assert told.err.endswith("`deis releases:watch v2 -a paper` follows it.\n")


async def test_a_line_that_makes_no_sense_is_no_success(paper: Deis, stand_in: StandIn) -> None:
    stand_in.answers[BUILDS] = streams({"event": "release", "version": "new"}, OUT)
    assert (
        "does not appear to be a valid Deis controller"
        in (await paper("pull", "example/web:v1", "--logs", status=1)).err
    )


# What an app is doing.


def course(version: int, phase: str, **fields: Any) -> Handler:
    return streams({"version": version, "app": "paper", "created": DATE, "phase": phase, "waiting": "", **fields})


class Doing:
    """What the stand-in's app does: first this rollout, then that; after the last one nothing."""

    def __init__(self, stand_in: StandIn, *rollouts: str | None) -> None:
        self.stand_in, self.rollouts = stand_in, list(rollouts)
        self.updated = 0
        stand_in.answers["GET /v1/apps/paper"] = self.answer

    async def answer(self, request: web.Request) -> web.StreamResponse:
        del request
        now = self.rollouts.pop(0) if self.rollouts else None
        rollout = {"release": now, "phase": "starting", "waiting": ""} if now else None
        shape = {**self.stand_in.shape("paper"), "updated": str(self.updated), "rollout": rollout}
        return web.json_response(shape, headers=VERSIONS)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.01)


@pytest.mark.usefixtures("quick")
async def test_an_app_is_followed_until_it_has_settled(paper: Deis, stand_in: StandIn) -> None:
    Doing(stand_in, "v2", "v3", "v3", None)
    stand_in.answers["GET /v1/apps/paper/releases/v2"] = course(2, "superseded")
    stand_in.answers["GET /v1/apps/paper/releases/v3"] = course(3, "done")
    assert (await paper("apps:watch")).out.splitlines() == [
        "=== paper Release v2",
        "superseded",
        "v2 was superseded",
        "=== paper Release v3",
        "done",
        "v3 is out",
    ]


@pytest.mark.usefixtures("quick")
async def test_a_failure_that_leads_back_to_an_earlier_release_stays_a_failure(paper: Deis, stand_in: StandIn) -> None:
    Doing(stand_in, "v3", "v2", "v2", None)
    stand_in.answers["GET /v1/apps/paper/releases/v3"] = course(3, "failed", reason="no", last_lines=["boom"])
    stand_in.answers["GET /v1/apps/paper/releases/v2"] = course(2, "done")
    told = await paper("apps:watch", "-a", "paper", status=1)
    assert told.out.splitlines() == [
        "=== paper Release v3",
        "failed",
        "v3 failed: no",
        "    its last lines:",
        "        boom",
        "=== paper Release v2",
        "done",
        "v2 is out",
    ]
    assert told.err == "Error: v3 failed: no\nits last lines:\nboom\n"


@pytest.mark.usefixtures("quick")
async def test_an_app_is_followed_as_json_lines(paper: Deis, stand_in: StandIn) -> None:
    Doing(stand_in, "v2", None)
    stand_in.answers["GET /v1/apps/paper/releases/v2"] = course(2, "done")
    told = await paper("apps:watch", "--json")
    assert [json.loads(line)["phase"] for line in told.out.splitlines()] == ["done"]


async def test_an_app_that_is_not_there_is_not_followed(paper: Deis) -> None:
    told = await paper("apps:watch", "-a", "nope", status=1)
    assert "app nope was not found (404 NOT FOUND)" in told.err


@pytest.mark.usefixtures("quick")
async def test_forever_goes_on_with_what_comes_next_until_it_is_interrupted(paper: Deis, stand_in: StandIn) -> None:
    doing = Doing(stand_in, "v2", None)
    stand_in.answers["GET /v1/apps/paper/releases/v2"] = course(2, "failed", reason="no")
    stand_in.answers["GET /v1/apps/paper/releases/v3"] = course(3, "done")
    process = await paper.start("apps:watch", "--forever")
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(SECONDS):
        told = [await process.stdout.readline() for _ in range(3)]
        assert told == [b"=== paper Release v2\n", b"failed\n", b"v2 failed: no\n"]
        stand_in.answers["GET /v1/apps/paper"] = says(503, "<h1>No server is available</h1>")
        assert b"asking again" in await process.stderr.readline()
        doing.updated += 1
        doing.rollouts = [None, "v3", "v3"]
        stand_in.answers["GET /v1/apps/paper"] = doing.answer
        told = [await process.stdout.readline() for _ in range(3)]
        assert told == [b"=== paper Release v3\n", b"done\n", b"v3 is out\n"]
        process.send_signal(2)
        await process.communicate()
    assert process.returncode == 130
