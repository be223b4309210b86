"""What a terminal shows: colours, tables and a clock; and that a pipe has none of it."""

from __future__ import annotations

import asyncio
import os
import pty
import termios
from collections.abc import Callable

import pytest
from aiohttp import web

from tests.contract.client.conftest import COMMAND, SECONDS, Deis
from tests.contract.client.stand_in import DATE, StandIn


class Terminal:
    """A command on a terminal of its own, and what it has shown so far."""

    def __init__(self, master: int, process: asyncio.subprocess.Process) -> None:
        self.master, self.process = master, process
        self.shown = ""
        self._changed = asyncio.Event()
        asyncio.get_running_loop().add_reader(master, self._read)
        self.ended = False

    def _read(self) -> None:
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the last writer is gone
            data = b""
        if not data:
            self.ended = True
            asyncio.get_running_loop().remove_reader(self.master)
        self.shown += data.decode()
        self._changed.set()

    async def until(self, fact: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not fact():
                self._changed.clear()
                await self._changed.wait()

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    async def end(self) -> int:
        await self.until(lambda: self.ended)
        status = await self.process.wait()
        os.close(self.master)
        return status


async def start(deis: Deis, *arguments: str) -> Terminal:
    master, slave = pty.openpty()
    environment = {**deis.whole_environment(), "TERM": "xterm-256color", "COLUMNS": "100"}
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, stdin=slave, stdout=slave, stderr=slave, cwd=deis.directory, env=environment
    )
    os.close(slave)
    return Terminal(master, process)


async def show(deis: Deis, *arguments: str) -> str:
    terminal = await start(deis, *arguments)
    await terminal.end()
    return terminal.shown


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
    terminal = await start(paper, "pull", "example/web:v1")
    await terminal.until(lambda: terminal.shown.count("\rCreating build... ") >= 3)
    seen.set()
    assert await terminal.end() == 0
    assert "\rCreating build... done" in terminal.shown
    assert terminal.shown.endswith("\r\n")


async def test_a_password_is_asked_for_without_echo(anonymous: Deis) -> None:
    terminal = await start(anonymous, "login", anonymous.controller)
    await terminal.until(lambda: "username: " in terminal.shown)
    terminal.type("ada\n")
    await terminal.until(lambda: "password: " in terminal.shown and not echoes(terminal.master))
    terminal.type("secret\n")
    assert await terminal.end() == 0
    assert "Logged in as ada" in terminal.shown
    assert "secret" not in terminal.shown


def echoes(terminal: int) -> bool:
    flags: int = termios.tcgetattr(terminal)[3]
    return bool(flags & termios.ECHO)


async def test_a_new_password_is_typed_twice(anonymous: Deis, stand_in: StandIn) -> None:
    terminal = await start(anonymous, "register", anonymous.controller, "--username", "ada", "--email", "")
    await terminal.until(lambda: "password: " in terminal.shown and not echoes(terminal.master))
    terminal.type("secret\n")
    await terminal.until(lambda: "(confirm): " in terminal.shown and not echoes(terminal.master))
    terminal.type("other\n")
    assert await terminal.end() == 1
    assert "differ" in terminal.shown
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
