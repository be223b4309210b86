"""`deis logs` over a log tail: how it ends, in words."""

from __future__ import annotations

import pytest

from libs.client import tailing
from tests.contract.client.conftest import Deis
from tests.contract.client.stand_in import VERSIONS, StandIn, says
from tests.contract.client.stand_in_tails import Talk, part
from tests.contract.client.tail_scripts import LINE, TICKETS, tells


@pytest.fixture
def paper(deis: Deis, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Deis:
    monkeypatch.setattr(tailing, "FIRST_PAUSE_SECONDS", 0.01)
    stand_in.app("paper")
    return deis


@pytest.mark.parametrize(
    ("reason", "detail", "words"),
    [
        ("gone", "", "the app paper was destroyed, and its log ends here."),
        ("forbidden", "", "the log of paper ends here: you may read it no more."),
        ("revoked", "", "the log of paper ends here: the token that it was followed with was revoked."),
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
