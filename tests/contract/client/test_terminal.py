"""What a terminal shows: colours, tables and a clock; and that a pipe has none of it."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from tests.contract.client.conftest import COMMAND, Deis
from tests.contract.client.stand_in import DATE, StandIn
from tests.support import terminal
from tests.support.terminal import Terminal


async def start(deis: Deis, *arguments: str) -> Terminal:
    environment = deis.whole_environment()
    return await terminal.start((*COMMAND, *arguments), directory=deis.directory, environment=environment)


async def show(deis: Deis, *arguments: str) -> str:
    running = await start(deis, *arguments)
    await running.end()
    return running.shown


@pytest.fixture
def paper(deis: Deis, stand_in: StandIn) -> Deis:
    app = stand_in.app("paper")
    app["builds"] = [{"uuid": "b0", "image": "example/web:v1", "created": DATE, "owner": "ada"}]
    return deis


@pytest.mark.parametrize(
    ("listing", "column"),
    [("apps", "url"), ("builds", "image"), ("releases", "summary"), ("events", "what"), ("ps", "--- cmd:")],
)
async def test_a_terminal_gets_colours_and_column_names_and_a_pipe_neither(
    paper: Deis, listing: str, column: str
) -> None:
    shown = await show(paper, listing)
    assert "\x1b[1m" in shown
    assert column in shown
    plain = (await paper(listing)).out
    assert "\x1b" not in plain
    paper.environment["NO_COLOR"] = "1"
    uncoloured = await show(paper, listing)
    assert "\x1b[3" not in uncoloured
    assert column in uncoloured


async def test_json_on_a_terminal_is_json(paper: Deis) -> None:
    assert "\x1b" not in await show(paper, "releases", "--json")


async def test_help_on_a_terminal_is_drawn(paper: Deis) -> None:
    assert "╭" in await show(paper, "help", "apps:create")


async def test_slow_work_shows_that_it_goes_on(paper: Deis, stand_in: StandIn) -> None:
    seen = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        await seen.wait()
        return web.json_response({"uuid": "b"}, status=201)

    stand_in.answers["POST /v1/apps/paper/builds"] = slow
    running = await start(paper, "pull", "example/web:v1")
    await running.until(lambda: running.shown.count("\rCreating build... ") >= 3)
    seen.set()
    assert await running.end() == 0
    assert "\rCreating build... done" in running.shown
    assert running.shown.endswith("\r\n")


async def test_a_password_is_asked_for_without_echo(anonymous: Deis) -> None:
    running = await start(anonymous, "login", anonymous.controller)
    await running.asked("username: ")
    running.type("ada\n")
    await running.asked("password: ", secret=True)
    running.type("secret\n")
    assert await running.end() == 0
    assert "Logged in as ada" in running.shown
    assert "secret" not in running.shown


async def test_a_new_password_is_typed_twice(anonymous: Deis, stand_in: StandIn) -> None:
    running = await start(anonymous, "register", anonymous.controller, "--username", "ada", "--email", "")
    await running.asked("password: ", secret=True)
    running.type("secret\n")
    await running.asked("(confirm): ", secret=True)
    running.type("other\n")
    assert await running.end() == 1
    assert "differ" in running.shown
    assert stand_in.writes() == []
    assert all(path == "/v1/" for _, path, _ in stand_in.asked)


async def test_control_characters_of_values_are_spelt_out_and_an_apps_colours_stay_in_its_log(
    paper: Deis, stand_in: StandIn
) -> None:
    stand_in.apps["paper"]["values"] = {"T": "\x1b[31mred\x1b]0;title\x07"}
    assert "\\x1b[31mred\\x1b]0;title\\x07" in await show(paper, "config")
    assert "T='\\x1b[31mred" in await show(paper, "config", "--oneline")

    async def log(request: web.Request) -> web.Response:
        return web.Response(text=f"{DATE} paper[cmd.1]: \x1b[31mred\x1b[2J\n")

    stand_in.answers["GET /v1/apps/paper/logs"] = log
    assert (await show(paper, "logs")).endswith("\x1b[0m \x1b[31mred\\x1b[2J\x1b[0m\r\n")
    assert (await paper("logs")).out == f"{DATE} paper[cmd.1]: \x1b[31mred\x1b[2J\n"
