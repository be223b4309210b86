"""`deis logs` over a log tail that breaks off: it goes on where it was."""

from __future__ import annotations

import pytest
from aiohttp import web

from libs.client import tailing
from tests.contract.client.conftest import Deis
from tests.contract.client.stand_in import VERSIONS, StandIn, says
from tests.contract.client.stand_in_tails import SECOND, Talk, part
from tests.contract.client.tail_scripts import GONE, LINE, TICKETS, destroyed, tells


@pytest.fixture
def paper(deis: Deis, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Deis:
    monkeypatch.setattr(tailing, "FIRST_PAUSE_SECONDS", 0.01)
    stand_in.app("paper")
    return deis


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


async def test_a_tail_that_breaks_off_before_the_first_line_goes_on_from_where_it_stood(
    paper: Deis, stand_in: StandIn
) -> None:
    stood = {"next": 5, "at": 7, "nth": 1}

    async def first(talk: Talk) -> None:
        await talk.ready()
        await talk.say("places", sources={"i1": stood})
        talk.drop()

    stand_in.tails.scripts = [first, destroyed]
    await paper("logs", "-f", "-n", "0", status=1)
    assert [begun["after"] for begun in stand_in.tails.begun] == [None, {"boot": "b1", "sources": {"i1": stood}}]


async def test_a_first_history_that_is_cut_leaves_out_nothing_and_tells_nothing_older(
    paper: Deis, stand_in: StandIn
) -> None:
    stood = {"i1": {"next": 5, "at": 7, "nth": 1}, "i2": {"next": 9, "at": 8, "nth": 2}}

    async def first(talk: Talk) -> None:
        await talk.ready()
        await talk.say("places", sources=stood)
        await talk.lines(part("i1", [(0, "one")], 6))
        talk.drop()

    stand_in.tails.scripts = [first, destroyed]
    assert (await paper("logs", "-f", status=1)).out == f"{LINE}one\n"
    sources = stand_in.tails.begun[1]["after"]["sources"]
    assert sources == {"i1": {"next": 6, "at": 1767323045 * SECOND, "nth": 1}, "i2": stood["i2"]}


async def test_where_there_was_no_source_yet_all_that_comes_is_asked_for(paper: Deis, stand_in: StandIn) -> None:
    async def first(talk: Talk) -> None:
        await talk.ready()
        await talk.say("places", sources={})
        talk.drop()

    stand_in.tails.scripts = [first, destroyed]
    await paper("logs", "-f", status=1)
    assert stand_in.tails.begun[1]["after"] == {"boot": "b1", "sources": {}}


async def test_a_tail_that_breaks_off_before_it_told_where_it_stands_begins_anew(
    paper: Deis, stand_in: StandIn
) -> None:
    async def first(talk: Talk) -> None:
        await talk.ready()
        talk.drop()

    stand_in.tails.scripts = [first, destroyed]
    await paper("logs", "-f", "-n", "7", status=1)
    assert [(begun["lines"], begun["after"]) for begun in stand_in.tails.begun] == [(7, None)] * 2


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


async def test_a_log_whose_logger_stopped_is_lost_in_the_controllers_words_without_its_advice(
    paper: Deis, stand_in: StandIn
) -> None:
    refusal = says(503, {"detail": "No logger is ready, so paper waits. Try again soon."}, headers=VERSIONS)

    async def answer(request: web.Request) -> web.StreamResponse:
        del stand_in.answers[TICKETS]
        return await refusal(request)

    async def first(talk: Talk) -> None:
        await talk.ready()
        await talk.say("live")
        stand_in.answers[TICKETS] = answer
        await talk.end("stopping")

    stand_in.tails.scripts = [first, destroyed]
    told = await paper("logs", "-f", status=1)
    lost = "lost the log of paper: No logger is ready, so paper waits; it goes on when that is mended, Ctrl-C ends it"
    assert told.err.splitlines()[0] == lost
