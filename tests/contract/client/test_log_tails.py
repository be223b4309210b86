"""`deis logs` over a log tail: what is asked for, and how it is told."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from libs.client import tailing
from libs.loglines.line import Kind
from tests.contract.client.conftest import Deis
from tests.contract.client.stand_in import VERSIONS, StandIn, says
from tests.contract.client.stand_in_tails import SECOND, Talk, part
from tests.contract.client.tail_scripts import GONE, LINE, destroyed, live_without_a_line, tells


@pytest.fixture
def paper(deis: Deis, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Deis:
    monkeypatch.setattr(tailing, "FIRST_PAUSE_SECONDS", 0.01)
    stand_in.app("paper")
    return deis


def objects(out: str) -> list[Any]:
    return [json.loads(line) for line in out.splitlines()]


async def test_a_followed_log_shows_some_of_what_was_and_goes_on(paper: Deis, stand_in: StandIn) -> None:
    async def script(talk: Talk) -> None:
        await talk.ready()
        await talk.lines(part("i1", [(0, "before")], 1))
        await talk.say("live")
        await talk.lines(part("i1", [(SECOND, "after")], 2))
        await talk.end("gone", code=1000)

    stand_in.tails.scripts = [script]
    told = await paper("logs", "-f", status=1)
    assert told.out == f"{LINE}before\n{LINE.replace(':05', ':06')}after\n"
    assert told.err == GONE
    assert stand_in.tails.begun == [{"type": "begin", "lines": 100, "select": {}, "after": None}]


async def test_lines_of_a_message_stand_by_time_and_those_of_an_instance_in_its_order(
    paper: Deis, stand_in: StandIn
) -> None:
    late = part("i1", [(5, "1a"), (3, "1b"), (9, "1c")], 3)
    early = part("i2", [(1, "2a"), (4, "2b"), (10, "2c")], 3, "web.2")
    stand_in.tails.scripts = [lambda talk: tells(talk, late + early)]
    out = (await paper("logs", "-f", status=1)).out
    assert [line.rpartition(" ")[2] for line in out.splitlines()] == ["2a", "2b", "1a", "1b", "1c", "2c"]


async def test_bytes_that_are_no_utf_8_and_the_platforms_word_are_told_as_ever(paper: Deis, stand_in: StandIn) -> None:
    lines = part("i1", [(0, b"caf\xe9 \xc3\xa9")], 1) + part("", [(1, "ada scaled it")], 1, kind=Kind.PLATFORM)
    stand_in.tails.scripts = [lambda talk: tells(talk, lines)]
    out = (await paper("logs", "-f", status=1)).out
    assert out == f"{LINE}caf\ufffd \xe9\n{LINE.replace('web.1', 'deis')}ada scaled it\n"


async def test_filters_go_along_as_they_were_typed(paper: Deis, stand_in: StandIn) -> None:
    options = {
        "ps": "web.1",
        "instance": "x7",
        "release": "v3",
        "stream": "stderr",
        "since": "10m",
        "grep": "a b",
        "level": "error",
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    stand_in.tails.scripts = [destroyed]
    await paper("logs", "-f", "-n", "0", *words, status=1)
    options["process"] = options.pop("ps")
    assert stand_in.tails.begun[0]["select"] == options
    assert stand_in.tails.begun[0]["lines"] == 0
    await paper("logs", *words, "--until", "5m")
    query = "process=web.1&instance=x7&release=v3&stream=stderr&since=10m&until=5m&grep=a%20b&level=error"
    method, path, _ = stand_in.asked[-1]
    assert (method, path.replace("+", "%20")) == ("GET", f"/v1/apps/paper/logs?{query}&log_lines=1000000")


@pytest.mark.parametrize(
    "words", [("-f", "-n", "-1"), ("-n", "0"), ("-f", "--until", "5m"), ("-n", "0", "--json")], ids=" ".join
)
async def test_what_makes_no_sense_is_refused_before_anything_is_asked(
    paper: Deis, stand_in: StandIn, words: tuple[str, ...]
) -> None:
    assert words[-1].removeprefix("-") in (await paper("logs", *words, status=1)).err or words[-1] == "--json"
    assert stand_in.asked == []


async def test_json_is_an_object_a_line_and_losses_are_objects_too(paper: Deis, stand_in: StandIn) -> None:
    lost = {"lines": 12, "from": "2026-01-02T03:04:05.000000001Z", "until": None, "why": "slow"}

    async def script(talk: Talk) -> None:
        await talk.ready()
        await talk.lines(part("i1", [(7, "out")], 1), part("i1", [(9, "err\x9b")], 2, kind=Kind.ERR_CUT))
        await talk.say("missed", **lost)
        await talk.lines(part("", [(10, "scaled")], 1, "deis", 0, Kind.PLATFORM))
        await talk.lines(part("i1", [(11, "2 lines were lost")], 3, kind=Kind.GAP))
        await talk.say("live")
        await talk.socket.receive()

    stand_in.tails.scripts = [script]
    told = await paper("logs", "--json")
    first = {"app": "paper", "process": "web.1", "instance": "i1", "release": "v4"}
    time = "2026-01-02T03:04:05.0000000"
    assert objects(told.out) == [
        {"time": f"{time}07Z", **first, "stream": "stdout", "text": "out"},
        {"time": f"{time}09Z", **first, "stream": "stderr", "text": "err\x9b"},
        {"app": "paper", "missed": 12, "from": lost["from"], "until": None, "why": "slow"},
        {
            "time": f"{time}10Z",
            "app": "paper",
            "process": "deis",
            "instance": None,
            "release": None,
            "stream": "platform",
            "text": "scaled",
        },
        {"time": f"{time}11Z", **first, "stream": "gap", "text": "2 lines were lost"},
    ]
    assert "\x9b" not in told.out
    assert stand_in.tails.begun[0]["lines"] == 1000


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        (
            {"lines": 2, "from": "2026-01-02T03:04:05Z", "until": "2026-01-02T03:04:06Z", "why": "slow"},
            "2 lines are missing here, said between 2026-01-02T03:04:05Z and 2026-01-02T03:04:06Z: this reader was",
        ),
        (
            {"lines": 1, "from": None, "until": "2026-01-02T03:04:06Z", "why": "evicted"},
            "1 line is missing here, said before 2026-01-02T03:04:06Z: they had made room for later ones when",
        ),
        (
            {"lines": None, "from": "2026-01-02T03:04:06Z", "until": None, "why": "an eclipse"},
            "lines are missing here, said after 2026-01-02T03:04:06Z: an eclipse",
        ),
    ],
)
async def test_what_was_missed_stands_at_its_place_as_the_platforms_word(
    paper: Deis, stand_in: StandIn, lost: dict[str, Any], words: str
) -> None:
    async def script(talk: Talk) -> None:
        await talk.ready()
        await talk.lines(part("i1", [(0, "one")], 1))
        await talk.say("missed", **lost)
        await tells(talk, part("i1", [(2 * SECOND, "two")], 5))

    stand_in.tails.scripts = [script]
    out = (await paper("logs", "-f", status=1)).out.splitlines()
    assert out[1].startswith(f"2026-01-02T03:04:06UTC paper[deis]: {words}")


async def test_following_waits_for_what_comes_however_long(paper: Deis, stand_in: StandIn) -> None:
    over = asyncio.Event()

    async def script(talk: Talk) -> None:
        await talk.ready()
        await talk.say("live")
        await over.wait()
        await tells(talk, part("i9", [(0, "a new instance")], 1, "web.3", 5))

    stand_in.tails.scripts = [script]
    async with asyncio.TaskGroup() as group:
        running = group.create_task(paper("logs", "-f", status=1))
        await stand_in.arrived.wait()
        over.set()
    assert running.result().out.endswith("paper[web.3]: a new instance\n")


@pytest.mark.parametrize("words", [("-f",), ()], ids=["followed", "once"])
async def test_more_lines_than_any_logger_gives_are_as_many_as_it_gives(
    paper: Deis, stand_in: StandIn, words: tuple[str, ...]
) -> None:
    stand_in.tails.scripts = [destroyed]
    await paper("logs", "-n", "99999999999", *words, status=1 if words else 0)
    if words:
        assert stand_in.tails.begun[0]["lines"] == 1_000_000
    else:
        assert stand_in.asked[-1][1] == "/v1/apps/paper/logs?log_lines=1000000"


async def test_filters_that_nothing_passes_are_said_so_beside_an_output_without_a_line(
    paper: Deis, stand_in: StandIn
) -> None:
    stand_in.answers["GET /v1/apps/paper/logs"] = says(204, "", headers=VERSIONS)
    told = await paper("logs", "--ps", "wbe", "--grep", "a b")
    assert told.out == ""
    assert told.err == "no line that paper's log has passes --ps=wbe --grep='a b'\n"
    assert (await paper("logs")).out == "\n", "as version 1 shows a log without a line"
    stand_in.tails.scripts = [live_without_a_line]
    told = await paper("logs", "--json", "--ps", "wbe")
    assert (told.out, told.err) == ("", "no line that paper's log has passes --ps=wbe\n")


async def test_a_platform_without_a_logger_is_told_with_what_to_do(paper: Deis, stand_in: StandIn) -> None:
    stand_in.answers["GET /v1/apps/paper/logs"] = says(500, "Error accessing logs for paper", headers=VERSIONS)
    told = await paper("logs", status=1)
    assert told.err == (
        "Error: Error accessing logs for paper (500 Internal Server Error)\n"
        "No logger tells its lines now; the app itself goes on. Try again soon.\n"
    )
