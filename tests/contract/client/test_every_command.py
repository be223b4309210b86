"""What each command prints, to the byte: `printed/piped.txt` has it of a pipe, `printed/terminal.txt` of a terminal.

Both files read as a session: a line `$ deis …`, and below it what that prints in the world of `whole_world.py`. A
command that is not there fails the last test here; one whose output changes, its own.
"""

from __future__ import annotations

import asyncio
import inspect
import io
import json
import os
import pty
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from libs.client.catalogue import GROUPS, commands_in
from libs.client.command import run
from libs.client.invocation import Invocation
from libs.client.profile import Profiles, profile_path
from libs.client.prompts import Prompts
from libs.client.screen import Screen
from tests.contract.client.conftest import SECONDS, Deis
from tests.contract.client.stand_in import StandIn
from tests.contract.client.whole_world import furnish
from tests.support.terminal import WHEEL, in_the_end, without_colours

PRINTED = Path(__file__).parent / "printed"
PROMPT = "$ deis "


def session(name: str) -> Iterator[tuple[str, str]]:
    """The command lines of a file, and what each prints."""
    for part in (PRINTED / name).read_text(encoding="utf-8").split(f"\n{PROMPT}")[1:]:
        line, _, printed = part.partition("\n")
        yield line, printed


PIPED, TERMINAL = dict(session("piped.txt")), dict(session("terminal.txt"))


@pytest.fixture
def world(deis: Deis, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Deis:
    furnish(deis, stand_in)
    subprocess.run(["git", "init", "--quiet"], cwd=deis.directory, check=True, timeout=SECONDS)
    monkeypatch.setenv("COLUMNS", "110")  # where rich and the wheel look for a terminal's width
    return deis


def filled(text: str, world: Deis) -> str:
    port = world.controller.rpartition(":")[2]
    return text.replace("<url>", world.controller).replace("<port>", port).replace("<here>", str(world.directory))


async def printed_on(world: Deis, line: str, reading: int, writing: int) -> str:
    """What a command writes to a pipe's or terminal's end; errors go to the same."""
    environment = {**world.whole_environment(), "TERM": "xterm-256color"}
    arrived: asyncio.Queue[bytes] = asyncio.Queue(maxsize=10_000)  # far more than any command here writes at once
    loop = asyncio.get_running_loop()

    def read() -> None:
        try:
            piece = os.read(reading, 65536)
        except OSError:  # a terminal whose other end is closed
            piece = b""
        if not piece:
            loop.remove_reader(reading)
        arrived.put_nowait(piece)

    loop.add_reader(reading, read)
    with os.fdopen(writing, "w", encoding="utf-8", newline="\n") as out:
        call = Invocation(
            Screen(out, out, environment, clock=lambda: 0.0),
            Prompts(io.StringIO(), out),
            Profiles(profile_path(environment)),
            world.directory,
            environment,
        )
        async with asyncio.timeout(SECONDS):
            status = await asyncio.to_thread(run, shlex.split(filled(line, world)), call)
    told = b""
    async with asyncio.timeout(SECONDS):
        while piece := await arrived.get():
            told += piece
    os.close(reading)
    assert status == 0, told
    return told.decode()


@pytest.mark.parametrize("line", list(PIPED))
async def test_a_pipe_gets_this_to_the_byte(world: Deis, line: str) -> None:
    assert await printed_on(world, line, *os.pipe()) == filled(PIPED[line], world)


@pytest.mark.parametrize("line", list(TERMINAL))
async def test_a_terminal_shows_this(world: Deis, line: str) -> None:
    shown = without_colours(in_the_end(await printed_on(world, line, *pty.openpty())))
    assert shown == filled(TERMINAL[line], world)
    assert not WHEEL & set(shown)


FUNCTIONS = {name: function for group in GROUPS.values() for name, function in commands_in(group).items()}
IN_JSON = [line for line in PIPED if "json" in inspect.signature(FUNCTIONS[line.partition(" ")[0]]).parameters]


@pytest.mark.parametrize("open_ends", [os.pipe, pty.openpty], ids=["pipe", "terminal"])
@pytest.mark.parametrize("line", IN_JSON)
async def test_with_json_it_is_json_and_nothing_else(
    world: Deis, line: str, open_ends: Callable[[], tuple[int, int]]
) -> None:
    name, space, rest = line.partition(" ")
    text, documents = (await printed_on(world, f"{name} --json{space}{rest}", *open_ends())).strip(), 0
    while text:
        _, end = json.JSONDecoder().raw_decode(text)
        text, documents = text[end:].strip(), documents + 1
    assert documents


def test_every_command_is_in_both_sessions() -> None:
    commands = {name for group in GROUPS.values() for name in group.commands()}
    assert commands == {line.partition(" ")[0] for line in PIPED}
    assert PIPED.keys() == TERMINAL.keys()
