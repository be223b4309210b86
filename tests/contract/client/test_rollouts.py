"""A rollout through the command: followed, cancelled, and told afterwards."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import Any

import pytest
from aiohttp import web

from libs.client import watching
from libs.client.api import connection
from tests.contract.client.conftest import SECONDS, Deis
from tests.contract.client.stand_in import DATE, VERSIONS, StandIn, says, streams
from tests.contract.client.test_terminal import start

PATH = "GET /v1/apps/paper/releases/v2"
ASKED = "2026-01-02T03:04:05.000000Z"
SEE = "See `deis releases -a paper` for what there is.\n"


def at(second: int) -> str:
    return f"2026-01-02T03:04:{5 + second:02}.250000Z"


def release(phase: str, ready: int = 0, **fields: Any) -> dict[str, Any]:
    """v2 with two instances on their way, so many of them ready."""
    instances: list[dict[str, Any]] = [
        {
            "id": f"i{number}",
            "title": f"web.{number}",
            "release": 2,
            "node": "n1",
            "planned": at(0),
            "started": at(1),
            "ready": at(2) if number <= ready else None,
            "routers": {},
        }
        for number in (1, 2)
    ]
    names = {"version": 2, "app": "paper", "created": DATE, "summary": "ada deployed it", "asked": ASKED}
    return {**names, "phase": phase, "waiting": "", "instances": instances, "evidence": [], **fields}


@pytest.fixture
def paper(deis: Deis, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Deis:
    monkeypatch.setattr(watching, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(watching, "LONGEST_PAUSE_SECONDS", 0.01)
    stand_in.app("paper")["releases"].append("ada deployed it")
    return deis


async def test_a_rollout_is_followed_to_its_end(paper: Deis, stand_in: StandIn) -> None:
    evidence = [{"phase": "starting", "began": at(1), "seconds": 2.0, "note": ""}]
    stand_in.answers[PATH] = streams(
        release("preparing", waiting="image x to be had"),
        release("starting", waiting="web.1 and web.2 to start"),
        release("starting", 1, waiting="web.2 to start"),
        release("starting", 1, waiting="web.2 to start", in_place="", probes=2),
        release("routing", 2),
        release("done", 2, evidence=evidence),
    )
    told = await paper("releases:watch", "v2")
    assert told.out.splitlines() == [
        "=== paper Release v2",
        "preparing   0/2 ready; waits for image x to be had",
        "starting    0/2 ready; waits for web.1 and web.2 to start",
        "starting    1/2 ready; waits for web.2 to start",
        "routing     2/2 ready",
        "done        2/2 ready",
        "v2 is out, 3.250s after it was asked for",
    ]
    assert told.err == ""


@pytest.mark.parametrize(
    ("ending", "err"),
    [
        (
            release("failed", reason="web.1 exited with code 1", last_lines=["Traceback", "KeyError: 'X'"]),
            "Error: v2 failed: web.1 exited with code 1\nits last lines:\nTraceback\nKeyError: 'X'\n",
        ),
        (release("cancelled", reason="cancelled by ann"), "Error: v2 was cancelled by ann\n"),
        (release("superseded", reason=""), "Error: v2 was superseded\n"),
    ],
)
async def test_a_release_that_did_not_get_out_is_an_error(
    paper: Deis, stand_in: StandIn, ending: dict[str, Any], err: str
) -> None:
    stand_in.answers[PATH] = streams(release("starting"), ending)
    told = await paper("releases:watch", "v2", status=1)
    assert told.err == err
    assert told.out.splitlines()[-1] == f"{ending['phase']:<10}  0/2 ready"


async def test_the_one_under_way_is_followed_else_the_latest(paper: Deis, stand_in: StandIn) -> None:
    app = stand_in.apps["paper"]
    app["releases"].append("ada changed config")
    stand_in.answers[PATH] = streams(release("done"))
    stand_in.answers["GET /v1/apps/paper/releases/v3"] = streams({**release("done"), "version": 3})
    assert "v3 is out" in (await paper("releases:watch")).out
    shape = {**stand_in.shape("paper"), "rollout": {"release": "v2", "phase": "starting", "waiting": ""}}
    stand_in.answers["GET /v1/apps/paper"] = says(200, shape, headers=VERSIONS)
    assert "v2 is out" in (await paper("releases:watch")).out


async def test_why_a_rollout_goes_in_place_is_told_once(paper: Deis, stand_in: StandIn) -> None:
    why = "the app's surge is 0"
    stand_in.answers[PATH] = streams(
        release("preparing"),
        release("starting", in_place=why),
        release("starting", 1, in_place=why),
        release("done", 2, in_place=why),
    )
    assert (await paper("releases:watch", "v2")).out.splitlines()[1:5] == [
        "preparing   0/2 ready",
        f"in place    {why}",
        "starting    0/2 ready",
        "starting    1/2 ready",
    ]


async def test_a_release_without_anything_to_roll_out_is_no_error(paper: Deis) -> None:
    assert (await paper("releases:watch", "v1")).out.splitlines()[-1] == "v1 has nothing to roll out"


async def test_a_stream_is_json_a_line_on_demand(paper: Deis, stand_in: StandIn) -> None:
    documents = [release("starting", 1, later={"kept": [1]}), release("done", 2)]
    stand_in.answers[PATH] = streams(*documents)
    told = await paper("releases:watch", "v2", "--json")
    assert [json.loads(line) for line in told.out.splitlines()] == documents


async def test_a_dropped_stream_is_taken_up_again(paper: Deis, stand_in: StandIn) -> None:
    courses = [
        streams(release("starting"), broken=True),
        says(503, "<h1>No server is available</h1>"),
        says(503, {"detail": "The controller restarts."}, headers=VERSIONS),
        streams(release("starting"), release("routing", 2)),
        streams(release("routing", 2), release("done", 2)),
    ]

    async def next_course(request: web.Request) -> web.StreamResponse:
        return await courses.pop(0)(request)

    stand_in.answers[PATH] = next_course
    told = await paper("releases:watch", "v2")
    assert told.out.splitlines()[1:] == [
        "starting    0/2 ready",
        "routing     2/2 ready",
        "done        2/2 ready",
        "v2 is out",
    ]
    dropped = told.err.splitlines()
    assert len(dropped) == 4
    assert all(line.endswith("; the rollout goes on, asking again in 0.01s") for line in dropped)
    assert "broke off" in dropped[0]


async def test_a_stream_that_brings_no_news_any_more_is_given_up(paper: Deis, stand_in: StandIn) -> None:
    stand_in.answers[PATH] = streams(release("starting"))
    told = await paper("releases:watch", "v2", status=1)
    assert told.err.count("asking again") == watching.RECONNECTS
    assert told.err.splitlines()[-2].startswith("Error: the connection to http://")
    assert told.out.splitlines() == ["=== paper Release v2", "starting    0/2 ready"]


async def test_a_stream_that_falls_silent_is_taken_up_again(
    paper: Deis, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SILENCE_SECONDS", 0.3)
    over = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        stand_in.answers[PATH] = streams(release("done", 2))
        response = web.StreamResponse(headers=VERSIONS)
        await response.prepare(request)
        await response.write(b"\n" + json.dumps(release("starting")).encode() + b"\n\n")
        await over.wait()
        return response

    stand_in.answers[PATH] = silent
    told = await paper("releases:watch", "v2")
    over.set()
    assert told.out.endswith("done        2/2 ready\nv2 is out\n")
    assert "hangs: no answer within 0.3 seconds" in told.err


async def test_a_release_that_is_not_there_is_not_followed(paper: Deis, stand_in: StandIn) -> None:
    told = await paper("releases:watch", "v9", status=1)
    assert told.err == f"Error: release v9 of app paper was not found (404 NOT FOUND)\n{SEE}"
    assert len(stand_in.asked) == 1


async def test_what_is_followed_reaches_a_pipe_at_once(paper: Deis, stand_in: StandIn) -> None:
    over = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=VERSIONS)
        await response.prepare(request)
        await response.write(json.dumps(release("starting")).encode() + b"\n")
        await over.wait()
        return response

    stand_in.answers[PATH] = slow
    process = await paper.start("releases:watch", "v2")
    assert process.stdout is not None
    async with asyncio.timeout(SECONDS):
        assert await process.stdout.readline() == b"=== paper Release v2\n"
        assert await process.stdout.readline() == b"starting    0/2 ready\n"
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    over.set()
    assert err.decode() == "Error: interrupted. The rollout goes on: `deis releases:cancel -a paper` ends it.\n"
    assert process.returncode == 130


async def test_a_deploy_is_cancelled(paper: Deis, stand_in: StandIn) -> None:
    assert (await paper("releases:cancel")).out == "Cancelling the deploy... done, v2 is cancelled, v1 runs\n"
    assert stand_in.writes() == [("POST", "/v1/apps/paper/releases/cancel", {})]
    assert (await paper("releases:cancel", "v2")).out == "Cancelling v2... done, v2 is cancelled, v1 runs\n"
    assert stand_in.writes()[-1][1] == "/v1/apps/paper/releases/v2/cancel"


async def test_what_cannot_be_cancelled_says_why_and_is_not_to_be_tried_again(paper: Deis, stand_in: StandIn) -> None:
    body = {"detail": "v2 is out already"}
    stand_in.answers["POST /v1/apps/paper/releases/v2/cancel"] = says(409, body, reason="CONFLICT", headers=VERSIONS)
    told = await paper("releases:cancel", "v2", status=1)
    assert told.err == "Error: v2 is out already (409 CONFLICT)\n"
    stand_in.answers["POST /v1/apps/paper/releases/v2/cancel"] = says(404, {}, reason="NOT FOUND", headers=VERSIONS)
    told = await paper("releases:cancel", "v2", status=1)
    assert told.err == f"Error: release v2 of app paper was not found (404 NOT FOUND)\n{SEE}"


async def test_a_deploy_that_somebody_cancelled_says_so(paper: Deis, stand_in: StandIn) -> None:
    body = {"detail": "v2 was cancelled by ann; v1 runs"}
    stand_in.answers["POST /v1/apps/paper/builds"] = says(409, body, reason="CONFLICT", headers=VERSIONS)
    told = await paper("pull", "example/web:v1", status=1)
    assert told.out == "Creating build... failed\n"
    assert told.err == "Error: v2 was cancelled by ann; v1 runs (409 CONFLICT)\n"


async def test_a_release_is_shown_with_its_evidence(paper: Deis, stand_in: StandIn) -> None:
    shown = release(
        "done",
        2,
        state="current",
        in_place="no room for one more beside 2 of 512M",
        evidence=[{"phase": "starting", "began": at(0), "seconds": 2.04, "note": "web.1 to pass its check"}],
    )
    stand_in.answers[PATH] = says(200, shown, headers=VERSIONS)
    assert (await paper("releases:info", "v2")).out.partition("state:")[2] == (
        "     current\n"
        f"asked:     {ASKED}\n"
        "in place:  no room for one more beside 2 of 512M\n"
        "\n--- Phases:\n"
        "starting\t+0.250s\t2.040s\tweb.1 to pass its check\n"
        "\n--- Instances:\n"
        "web.1 (v2) on n1: running +1.250s, ready +2.250s\n"
        "web.2 (v2) on n1: running +1.250s, ready +2.250s\n"
    )
    assert await paper.json("releases:info", "v2") == shown


async def test_a_release_on_its_way_says_what_it_waits_for_and_a_failed_one_its_last_lines(
    paper: Deis, stand_in: StandIn
) -> None:
    stand_in.answers[PATH] = says(200, release("starting", state="rolling", waiting="web.2 to start"), headers=VERSIONS)
    told = (await paper("releases:info", "v2")).out
    assert "\nstate:      rolling\n" in told
    assert "\nphase:      starting\nwaits for:  web.2 to start\n" in told
    failed = release("failed", state="failed", reason="web.1 exited with code 1", last_lines=["Traceback", "boom"])
    stand_in.answers[PATH] = says(200, failed, headers=VERSIONS)
    assert (await paper("releases:info", "v2")).out.endswith("\n\n--- Last lines:\nTraceback\nboom\n")


async def test_releases_that_roll_or_were_cancelled_are_marked(paper: Deis, stand_in: StandIn) -> None:
    states = {4: "rolling", 3: "cancelled", 2: "superseded", 1: "current"}
    releases = [{"version": n, "created": DATE, "summary": "s", "state": state} for n, state in states.items()]
    stand_in.answers["GET /v1/apps/paper/releases"] = says(200, {"count": 4, "results": releases}, headers=VERSIONS)
    assert (await paper("releases")).out.splitlines()[1:] == [
        f"v4\t{DATE}\ts\trolling",
        f"v3\t{DATE}\ts\tcancelled",
        f"v2\t{DATE}\ts",
        f"v1\t{DATE}\ts\tcurrent",
    ]


async def test_below_what_is_not_ready_or_has_crashed_stands_why(paper: Deis, stand_in: StandIn) -> None:
    names = {"type": "web", "release": "v2"}
    processes = [
        {**names, "num": 1, "state": "up", "ready": True, "reason": "", "last_lines": []},
        {**names, "num": 2, "state": "down", "ready": False, "reason": "GET /ready answered 503, wants 200-399"},
        {
            **names,
            "num": 3,
            "state": "crashed",
            "ready": None,
            "reason": "exited with code 1",
            "last_lines": ["a", "b"],
        },
        {**names, "num": 4, "state": "created", "ready": None, "reason": ""},
        {**names, "num": 5, "state": "up", "ready": True, "reason": "GET /alive: no answer within 1 s"},
    ]
    answer = {"count": len(processes), "results": processes}
    stand_in.answers["GET /v1/apps/paper/containers"] = says(200, answer, headers=VERSIONS)
    assert (await paper("ps")).out == (
        "=== paper Processes\n--- web:\n"
        "web.1 up (v2)\n"
        "web.2 down (v2)\n    GET /ready answered 503, wants 200-399\n"
        "web.3 crashed (v2)\n    exited with code 1\n    its last lines:\n        a\n        b\n"
        "web.4 created (v2)\n"
        "web.5 up (v2)\n    GET /alive: no answer within 1 s\n"
    )
    assert await paper.json("ps") == processes


async def test_an_app_shows_its_alarms_and_the_rollout_under_way(paper: Deis, stand_in: StandIn) -> None:
    alarms = [
        {"kind": "unready", "about": "web", "since": at(1), "message": "none is ready; all are used", "last_lines": []},
        {"kind": "not_live", "about": "web.2", "since": at(2), "message": "it hangs", "last_lines": ["tick"]},
    ]
    under_way = {"release": "v2", "phase": "starting", "waiting": "web.2 to start"}
    shape = {**stand_in.shape("paper"), "alarms": alarms, "rollout": under_way}
    stand_in.answers["GET /v1/apps/paper"] = says(200, shape, headers=VERSIONS)
    told = (await paper("info")).out
    assert "\nrollout:  v2 starting, waits for web.2 to start\n\n=== paper Alarms\n" in told
    assert f"\nweb unready since {at(1)}: none is ready; all are used\n" in told
    assert f"\nweb.2 not live since {at(2)}: it hangs\n    its last lines:\n        tick\n\n=== paper Processes" in told
    shown = await paper.json("info")
    assert (shown["alarms"], shown["rollout"]) == (alarms, under_way)
    stand_in.answers["GET /v1/apps/paper"] = says(200, {**shape, "alarms": [], "rollout": None}, headers=VERSIONS)
    told = (await paper("info")).out
    assert "Alarms" not in told
    assert "rollout:" not in told


@pytest.mark.parametrize(
    "words", [("pull", "example/web:v1"), ("config:set", "A=1"), ("scale", "cmd=2"), ("restart",), ("rollback", "v1")]
)
async def test_on_a_terminal_slow_work_says_what_the_rollout_does(
    paper: Deis, stand_in: StandIn, words: tuple[str, ...]
) -> None:
    seen = asyncio.Event()
    deploying = hold_writes(stand_in, seen)
    under_way = {"release": "v2", "phase": "starting", "waiting": "web.2 to start\x1b[2J"}
    stand_in.answers["GET /v1/apps/paper"] = says(
        200, {**stand_in.shape("paper"), "rollout": under_way}, headers=VERSIONS
    )
    terminal = await start(paper, *words)
    await terminal.until(lambda: "v2 starting, waits for web.2 to start\\x1b[2J" in terminal.shown)
    assert deploying.is_set()
    seen.set()
    assert await terminal.end() == 0
    assert "done" in terminal.shown


async def test_a_rollout_that_cannot_be_looked_at_hinders_no_deploy(paper: Deis, stand_in: StandIn) -> None:
    seen = asyncio.Event()
    hold_writes(stand_in, seen)
    looked = asyncio.Event()

    async def broken(request: web.Request) -> web.Response:
        looked.set()
        return web.Response(status=500, text="Oh.")

    stand_in.answers["GET /v1/apps/paper"] = broken
    terminal = await start(paper, "pull", "example/web:v1")
    async with asyncio.timeout(SECONDS):
        await looked.wait()
    seen.set()
    assert await terminal.end() == 0
    assert "Creating build... done" in terminal.shown
    assert "Oh." not in terminal.shown


async def test_ctrl_c_on_a_terminal_ends_the_command_and_names_what_ends_the_deploy(
    paper: Deis, stand_in: StandIn
) -> None:
    seen = asyncio.Event()
    deploying = hold_writes(stand_in, seen)
    terminal = await start(paper, "config:set", "A=1")
    async with asyncio.timeout(SECONDS):
        await deploying.wait()
    terminal.process.send_signal(signal.SIGINT)
    assert await terminal.end() == 130
    seen.set()
    assert "Creating config... \x1b[31minterrupted\x1b[0m" in terminal.shown
    assert "`deis releases:cancel -a paper` ends it." in terminal.shown


async def test_a_deploy_that_fails_on_a_terminal_is_told_as_in_a_pipe(paper: Deis, stand_in: StandIn) -> None:
    body = {"detail": "cmd.1 exited with status 1"}
    stand_in.answers["POST /v1/apps/paper/builds"] = says(503, body, reason="SERVICE UNAVAILABLE", headers=VERSIONS)
    terminal = await start(paper, "pull", "example/web:v1")
    assert await terminal.end() == 1
    assert "Error: cmd.1 exited with status 1 (503 SERVICE UNAVAILABLE)" in terminal.shown


def hold_writes(stand_in: StandIn, until: asyncio.Event) -> asyncio.Event:
    """Answer no POST before `until`; what is returned is set once one has come."""
    came = asyncio.Event()
    answer = stand_in.answer

    async def holding(request: web.Request, body: Any) -> web.StreamResponse:
        if request.method == "POST":
            came.set()
            await until.wait()
        return await answer(request, body)

    stand_in.answer = holding  # type: ignore[method-assign]
    return came
