"""What only a process shows of a log that is followed: Ctrl-C, pipes whose reader left or is slow, and a terminal."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

import pytest

from tests.contract.client.conftest import SECONDS, Deis
from tests.contract.client.stand_in import VERSIONS, StandIn, says
from tests.contract.client.stand_in_tails import Talk, part
from tests.contract.client.test_terminal import start
from tests.support.waiting import eventually

LINE = "2026-01-02T03:04:05UTC paper[web.1]: "


@pytest.fixture
def paper(deis: Deis, stand_in: StandIn) -> Deis:
    stand_in.app("paper")
    return deis


def scripted(stand_in: StandIn, tell: Callable[[Talk], Awaitable[None]]) -> None:
    """Let a tail tell this, and then stay until the reader leaves."""

    async def script(talk: Talk) -> None:
        await talk.ready()
        await tell(talk)
        await talk.say("live")
        await talk.socket.receive()

    stand_in.tails.scripts = [script]


async def one(talk: Talk) -> None:
    await talk.lines(part("i1", [(0, "one")], 1))


class Flood:
    """Lines without end, faster than anybody reads them; `sent` counts messages."""

    def __init__(self, most: int) -> None:
        self.most, self.sent = most, 0

    async def __call__(self, talk: Talk) -> None:
        block = [(number, "x" * 1000) for number in range(100)]
        for number in range(1, self.most + 1):
            await talk.lines(part("i1", block, number * 100))
            self.sent = number

    async def stands(self) -> None:
        """Return once nothing more was sent for several looks in a row."""
        seen: list[int] = []

        def still() -> bool:
            seen.append(self.sent)
            return self.sent > 0 and seen[-25:].count(self.sent) == 25

        await eventually(still, within=SECONDS, what="a reader that holds up the flood")


async def test_ctrl_c_is_how_a_log_that_is_followed_ends(paper: Deis, stand_in: StandIn) -> None:
    scripted(stand_in, one)
    process = await paper.start("logs", "-f")
    assert process.stdout is not None
    async with asyncio.timeout(SECONDS):
        assert await process.stdout.readline() == f"{LINE}one\n".encode()
        process.send_signal(signal.SIGINT)
        assert await process.communicate() == (b"", b"")
    assert process.returncode == 130


async def test_a_reader_that_takes_nothing_holds_up_the_tail_and_gets_each_line_once(
    paper: Deis, stand_in: StandIn
) -> None:
    flood = Flood(600)  # 60 MB, more than the kernel and both ends hold
    scripted(stand_in, flood)
    process = await paper.start("logs", "--json")
    assert process.stdout is not None
    await flood.stands()
    assert flood.sent < flood.most
    async with asyncio.timeout(SECONDS):
        out, err = await process.communicate()
    assert (out.count(b"\n"), err, process.returncode) == (60_000, b"", 0)


async def test_ctrl_c_ends_it_at_once_where_nobody_reads(paper: Deis, stand_in: StandIn) -> None:
    flood = Flood(600)
    scripted(stand_in, flood)
    process = await paper.start("logs", "-f")
    await flood.stands()
    process.send_signal(signal.SIGINT)
    await eventually(lambda: process.returncode == 130, within=SECONDS, what="an end while its pipe is full")
    async with asyncio.timeout(SECONDS):
        assert (await process.communicate())[1] == b""


@pytest.mark.parametrize("goes_on", [True, False], ids=["busy", "idle"])
async def test_a_reader_that_left_ends_it_quietly(paper: Deis, stand_in: StandIn, *, goes_on: bool) -> None:
    scripted(stand_in, Flood(600) if goes_on else one)
    command = f"{sys.executable} -m libs.client logs -f -a paper | head -n 1"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_shell(
        command, stdout=pipe, stderr=pipe, cwd=paper.directory, env=paper.whole_environment()
    )
    async with asyncio.timeout(SECONDS):
        out, err = await process.communicate()
    assert (out.count(b"\n"), err) == (1, b"")


async def test_a_terminal_shows_colours_and_obeys_no_other_control_character(paper: Deis, stand_in: StandIn) -> None:
    async def tell(talk: Talk) -> None:
        await talk.lines(part("i1", [(0, "\x1b[31mred\x1b[2J\x1b]0;title\x07"), (1, "plain")], 2))
        await talk.say("missed", **{"lines": 2, "from": None, "until": "2026-01-02T03:04:06Z", "why": "slow"})

    scripted(stand_in, tell)
    terminal = await start(paper, "logs", "-f")
    await terminal.until(lambda: "2 lines are missing here" in terminal.shown)
    first, second, third, *_ = terminal.shown.split("\r\n")
    assert first.endswith("\x1b[0m \x1b[31mred\\x1b[2J\\x1b]0;title\\x07\x1b[0m")
    assert second == f"{first[:5]}{LINE.strip()}\x1b[0m plain"
    assert third.startswith("\x1b[")
    assert "paper[deis]:\x1b[0m 2 lines are missing here" in third
    terminal.type("\x03")
    assert await terminal.end() == 130
    assert terminal.shown.endswith("^C")


async def test_a_locale_that_lacks_a_character_ends_no_log(paper: Deis, stand_in: StandIn) -> None:
    async def tell(talk: Talk) -> None:
        await talk.lines(part("i1", [(0, "caf\xe9 \u2603"), (1, "after")], 2))
        await talk.end("gone", code=1000)

    scripted(stand_in, tell)
    paper.environment["PYTHONIOENCODING"] = "ascii"
    told = await paper.process("logs", "-f", status=1)
    assert told.out == f"{LINE}caf? ?\n{LINE}after\n"


@pytest.mark.parametrize("words", [(), ("-f",), ("--json",)], ids=" ".join)
async def test_a_disk_that_is_full_is_told_in_a_sentence(
    paper: Deis, stand_in: StandIn, words: tuple[str, ...]
) -> None:
    scripted(stand_in, one)
    stand_in.answers["GET /v1/apps/paper/logs"] = says(200, f"{LINE}one\n", headers=VERSIONS)
    command = f"{sys.executable} -m libs.client logs {' '.join(words)} -a paper > /dev/full"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_shell(
        command, stdout=pipe, stderr=pipe, cwd=paper.directory, env=paper.whole_environment()
    )
    async with asyncio.timeout(SECONDS):
        _, err = await process.communicate()
    assert err == b"Error: cannot write to standard output: No space left on device\n"
    assert process.returncode == 1
