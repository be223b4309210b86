"""`deis logs` over a log tail: what it tells, what it does where the tail breaks off, and how it ends."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from libs.client import tailing
from libs.loglines.line import Kind
from libs.sockets.connecting import Unreachable, connected
from tests.contract.client.conftest import Deis
from tests.contract.client.stand_in import VERSIONS, StandIn, says, serving
from tests.contract.client.stand_in_tails import PATH, PROTOCOL, SECOND, Talk, part
from tests.support.certificates import make_certificate

TICKETS = "POST /v1/apps/paper/logs/tickets"
LINE = "2026-01-02T03:04:05UTC paper[web.1]: "
GONE = "Error: the app paper was destroyed, and its log ends here.\n"


@pytest.fixture
def paper(deis: Deis, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Deis:
    monkeypatch.setattr(tailing, "FIRST_PAUSE_SECONDS", 0.01)
    stand_in.app("paper")
    return deis


async def tells(talk: Talk, *messages: bytes) -> None:
    """These lines, and then the end of the app."""
    await talk.ready()
    for message in messages:
        await talk.lines(message)
    await talk.end("gone", code=1000)


async def destroyed(talk: Talk) -> None:
    await tells(talk)


def objects(out: str) -> list[Any]:
    return [json.loads(line) for line in out.splitlines()]


# What is asked for, and how it is told.


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


# Where it breaks off.


async def test_a_tail_that_breaks_off_goes_on_behind_the_last_line_with_another_ticket(
    paper: Deis, stand_in: StandIn
) -> None:
    async def first(talk: Talk) -> None:
        await talk.ready()
        await talk.lines(part("i1", [(0, "one"), (1, "two")], 2), part("i2", [], 7, "web.2"))
        await talk.say("live")
        talk.drop()

    async def second(talk: Talk) -> None:
        await talk.ready()
        await talk.say("missed", **{"lines": 3, "from": None, "until": None, "why": "evicted"})
        await tells(talk, part("i1", [(2, "six")], 6))

    stand_in.tails.scripts = [first, second]
    told = await paper("logs", "-f", status=1)
    assert [line.partition(": ")[2][:15] for line in told.out.splitlines()] == ["one", "two", "3 lines are mis", "six"]
    lost, found, *_ = told.err.splitlines()
    assert lost == "lost the log of paper: it broke off; it goes on when that is mended, Ctrl-C ends it"
    assert found == "the log of paper goes on; what was said meanwhile comes first"
    assert told.err.endswith(GONE)
    at = 1767323045 * SECOND
    places = {"i1": {"next": 2, "at": at + 1, "nth": 1}, "i2": {"next": 7, "at": 0, "nth": 0}}
    assert stand_in.tails.begun[1]["after"] == {"boot": "b1", "sources": places}
    assert len(set(stand_in.tails.issued)) == 2


async def test_where_there_was_nothing_to_read_all_that_comes_is_asked_for(paper: Deis, stand_in: StandIn) -> None:
    async def silent(talk: Talk) -> None:
        await talk.ready()
        await talk.say("live")
        talk.drop()

    stand_in.tails.scripts = [silent, destroyed]
    await paper("logs", "-f", "-n", "0", status=1)
    assert stand_in.tails.begun[1]["after"] == {"boot": "b1", "sources": {}}


async def test_places_of_an_earlier_memory_are_found_by_time_until_all_are_told_anew(
    paper: Deis, stand_in: StandIn
) -> None:
    async def speaks(talk: Talk, boot: str, *instances: str) -> None:
        await talk.ready(boot)
        await talk.lines(*(part(one, [(1, "hello")], 5) for one in instances))
        await talk.say("live")
        talk.drop()

    stand_in.tails.scripts = [
        lambda talk: speaks(talk, "b1", "i1", "i2"),
        lambda talk: speaks(talk, "b2", "i1"),
        lambda talk: speaks(talk, "b2", "i2"),
        destroyed,
    ]
    await paper("logs", "-f", status=1)
    assert [begun["after"] and begun["after"]["boot"] for begun in stand_in.tails.begun] == [None, "b1", "", "b2"]


@pytest.mark.parametrize("reason", ["moved", "stopping"])
async def test_a_logger_that_hands_over_is_not_worth_a_word(paper: Deis, stand_in: StandIn, reason: str) -> None:
    async def leaves(talk: Talk) -> None:
        await talk.ready()
        await talk.lines(part("i1", [(0, "one")], 1))
        await talk.say("live")
        await talk.end(reason)

    stand_in.tails.scripts = [leaves, destroyed]
    told = await paper("logs", "-f", status=1)
    assert told.err == GONE
    assert stand_in.tails.begun[1]["after"]["sources"].keys() == {"i1"}


@pytest.mark.parametrize(
    "refusal", [(401, {}), (421, {}), (503, {"Retry-After": "0"}), (502, {})], ids=lambda refusal: str(refusal[0])
)
async def test_a_tail_that_is_not_let_in_comes_with_another_ticket(
    paper: Deis, stand_in: StandIn, refusal: tuple[int, dict[str, str]]
) -> None:
    status, headers = refusal
    stand_in.tails.refusals = [web.Response(status=status, headers=headers)]
    stand_in.tails.scripts = [destroyed]
    assert (await paper("logs", "-f", status=1)).err == GONE
    assert len(stand_in.tails.issued) == 2


async def test_a_tail_that_is_never_let_in_is_given_up_with_the_reason(paper: Deis, stand_in: StandIn) -> None:
    stand_in.tails.refusals = [web.Response(status=503, headers={"Retry-After": "0"}) for _ in range(9)]
    told = await paper("logs", "-f", status=1)
    assert told.err == ("Error: the log of paper cannot be followed: its logger has no room for another reader now.\n")
    assert len(stand_in.tails.issued) == tailing.FIRST_TRIES
    stand_in.tails.refusals = [web.Response(status=404) for _ in range(9)]
    assert "what answers there says 404 Not Found" in (await paper("logs", "-f", status=1)).err
    elsewhere = {"Location": "https://login.example.com/"}
    stand_in.tails.refusals = [web.Response(status=302, headers=elsewhere) for _ in range(9)]
    assert "it redirects to https://login.example.com/" in (await paper("logs", "-f", status=1)).err


async def test_a_controller_that_is_away_meanwhile_is_waited_for(paper: Deis, stand_in: StandIn) -> None:
    answers = [
        says(503, "<h1>No server is available</h1>"),
        says(503, {"detail": "No logger is ready."}, headers=VERSIONS),
        says(429, {"detail": "Slow."}, headers={**VERSIONS, "Retry-After": "0"}),
        says(500, {"detail": "Oh."}, headers=VERSIONS),
        says(302, "", headers={"Location": "https://login.example.com/"}),
    ]

    async def answer(request: web.Request) -> web.StreamResponse:
        if len(answers) == 1:
            del stand_in.answers[TICKETS]
        return await answers.pop(0)(request)

    async def first(talk: Talk) -> None:
        await talk.ready()
        await talk.say("live")
        stand_in.answers[TICKETS] = answer
        talk.drop()

    stand_in.tails.scripts = [first, destroyed]
    told = await paper("logs", "-f", status=1)
    assert answers == []
    assert [line.partition(" ")[0] for line in told.err.splitlines()] == ["lost", "the", "Error:"]


# How it ends.


@pytest.mark.parametrize(
    ("reason", "detail", "words"),
    [
        ("gone", "", "the app paper was destroyed, and its log ends here."),
        ("forbidden", "", "the log of paper ends here: you may read it no more."),
        ("bad", "grep is '(': it must be a pattern", "grep is '(': it must be a pattern"),
        ("eclipse", "the sun is away", "the log of paper ends here: the sun is away."),
    ],
)
async def test_an_end_is_told_in_words(paper: Deis, stand_in: StandIn, reason: str, detail: str, words: str) -> None:
    async def script(talk: Talk) -> None:
        await talk.ready()
        await talk.end(reason, detail, 1008)

    stand_in.tails.scripts = [script]
    told = await paper("logs", "-f", status=1)
    assert told.err.startswith(f"Error: {words}")
    assert len(stand_in.tails.issued) == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "Error: the app paper is gone, and its log ends here.\n"),
        (403, "Error: the log of paper ends here: you may read it no more."),
        (401, "Error: Who are you? (401 "),
    ],
)
async def test_an_end_that_came_while_the_connection_was_lost_is_told(
    paper: Deis, stand_in: StandIn, status: int, words: str
) -> None:
    async def first(talk: Talk) -> None:
        await talk.ready()
        stand_in.answers[TICKETS] = says(status, {"detail": "Who are you?"}, headers=VERSIONS)
        talk.drop()

    stand_in.tails.scripts = [first]
    assert words in (await paper("logs", "-f", status=1)).err


async def test_what_no_ticket_is_given_for_is_told_at_once(paper: Deis, stand_in: StandIn) -> None:
    told = await paper("logs", "-f", "-a", "nope", status=1)
    assert "app nope was not found (404 NOT FOUND)" in told.err
    stand_in.answers[TICKETS] = says(503, {"detail": "No logger is ready."}, headers=VERSIONS)
    assert "No logger is ready. (503" in (await paper("logs", "-f", status=1)).err
    stand_in.answers[TICKETS] = says(502, "<h1>Bad Gateway</h1>", reason="Bad Gateway")
    told = await paper("logs", "-f", status=1)
    assert "It was only a question" in told.err
    stand_in.answers[TICKETS] = says(404, {"detail": "Not found."}, headers=VERSIONS)
    told = await paper("logs", "-f", status=1)
    assert "knows no log tails: it is of an earlier version" in told.err
    assert stand_in.tails.issued == []


@pytest.mark.parametrize(
    "nonsense",
    [b"no header", part("i1", [(0, "one")]) + b"\n", part("i1", [(0, "a")]).replace(b'"lines": 1', b'"lines": 2')],
)
async def test_what_no_logger_says_ends_it_with_a_word(paper: Deis, stand_in: StandIn, nonsense: bytes) -> None:
    stand_in.tails.scripts = [lambda talk: tells(talk, nonsense)]
    told = await paper("logs", "-f", status=1)
    assert told.err.startswith("Error: the log of paper ends here: what answers does not speak as a logger")
    assert told.out == ""


async def test_messages_of_a_later_version_are_passed_over(paper: Deis, stand_in: StandIn) -> None:
    async def script(talk: Talk) -> None:
        await talk.ready()
        await talk.say("weather", sunny=True)
        await tells(talk, part("i1", [(0, "one")], 1))

    stand_in.tails.scripts = [script]
    assert (await paper("logs", "-f", status=1)).out == f"{LINE}one\n"


async def test_a_tail_over_tls_is_held_to_the_rules_of_every_call(
    paper: Deis, stand_in: StandIn, tmp_path: Path
) -> None:
    made = make_certificate("deis.localhost", ["deis.localhost"])
    for name, text in (("deis.crt", made.pem), ("deis.key", made.key)):
        (tmp_path / name).write_text(text)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "deis.crt", tmp_path / "deis.key")
    stand_in.tails.scripts = [destroyed]
    async with serving(stand_in.application(), "127.0.0.1", ssl_context=context) as port:
        url = f"https://deis.localhost:{port}"
        paper.log_in(controller=url, ssl_verify=False)
        assert (await paper("logs", "-f", status=1)).err == GONE
        paper.log_in(controller=url)
        assert "its certificate cannot be trusted" in (await paper("logs", "-f", status=1)).err
        paper.environment["SSL_CERT_FILE"] = str(tmp_path / "deis.crt")
        assert (await paper.process("logs", "-f", status=1)).err == GONE
    assert len(stand_in.tails.begun) == 2


async def test_a_certificate_that_nobody_signed_is_not_trusted_by_the_socket_either(
    stand_in: StandIn, tmp_path: Path
) -> None:
    made = make_certificate("deis.localhost", ["deis.localhost"])
    (tmp_path / "deis.pem").write_text(made.pem + made.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "deis.pem")
    async with serving(stand_in.application(), "127.0.0.1", ssl_context=context) as port:
        url = f"wss://deis.localhost:{port}{PATH}"
        with pytest.raises(Unreachable, match="self-signed certificate"):
            async with connected(url, [PROTOCOL], host="localhost"):
                pass
    assert stand_in.tails.begun == []


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
