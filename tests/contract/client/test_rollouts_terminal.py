"""A rollout on a terminal: what slow work says meanwhile, and how it ends."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest
from aiohttp import web

from tests.contract.client.conftest import SECONDS, Deis
from tests.contract.client.stand_in import VERSIONS, StandIn, says
from tests.contract.client.test_terminal import start


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
