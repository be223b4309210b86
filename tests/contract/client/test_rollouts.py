"""A rollout through the command: followed and cancelled."""

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
from tests.contract.client.rollout import PATH, at, release
from tests.contract.client.stand_in import VERSIONS, StandIn, says, streams

SEE = "See `deis releases -a paper` for what there is.\n"


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
