"""`deis drains`: what is sent for one, and what is said of mistakes."""

from __future__ import annotations

import pytest

from tests.contract.client.conftest import Deis
from tests.contract.client.stand_in import VERSIONS, StandIn, says
from tests.contract.client.whole_world import CERTIFICATE, PRIVATE_KEY, furnish

URL = "syslog+tls://in.example.com:6514"


@pytest.fixture
def paper(deis: Deis, stand_in: StandIn) -> Deis:
    furnish(deis, stand_in)
    return deis


async def test_a_drain_is_sent_with_all_that_was_given(paper: Deis, stand_in: StandIn) -> None:
    files = ("--client-cert", "www.crt", "--client-key", "www.key", "--ca", "www.crt")
    await paper("drains:add", URL, "--select", "process=web", "--select", "grep=a=b", *files)
    pems = {"client_certificate": CERTIFICATE, "client_key": PRIVATE_KEY, "ca": CERTIFICATE}
    body = {"url": URL, "select": {"process": "web", "grep": "a=b"}, **pems}
    assert stand_in.writes() == [("POST", "/v1/apps/paper/drains", body)]
    await paper("drains:add", URL, "--platform")
    assert stand_in.writes()[1:] == [("POST", "/v1/admin/drains", {"url": URL})]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--select", "web"), '"web" is no NAME=VALUE pair; write --select process=web'),
        (("--select", "level=info", "--select", "level=error"), '"level" is given two values'),
        (("--client-cert", "www.crt"), "--client-cert and --client-key belong together"),
        (("--client-key", "www.key"), "--client-cert and --client-key belong together"),
        (("--ca", "nowhere.pem"), "cannot read "),
        (("--platform", "-a", "paper"), "give one of them"),
    ],
)
async def test_what_cannot_be_meant_is_told_before_anything_is_sent(
    paper: Deis, stand_in: StandIn, words: tuple[str, ...], said: str
) -> None:
    assert said in (await paper("drains:add", URL, *words, status=1)).err
    assert stand_in.writes() == []


async def test_what_the_controller_finds_wrong_with_a_url_is_told_without_the_url(
    paper: Deis, stand_in: StandIn
) -> None:
    refused = says(400, {"url": ["Its port is 0."]}, reason="BAD REQUEST", headers=VERSIONS)
    stand_in.answers["POST /v1/apps/paper/drains"] = refused
    told = await paper("drains:add", "https://user:secret@h:0/", status=1)
    assert "url: Its port is 0." in told.err
    assert "secret" not in told.err + told.out


async def test_a_drain_that_is_not_there_is_named_with_where_to_look(paper: Deis) -> None:
    for verb in ("info", "remove"):
        told = await paper(f"drains:{verb}", "d9", status=1)
        assert "drain d9 of app paper was not found (404 " in told.err
        assert "See `deis drains -a paper`" in told.err
        told = await paper(f"drains:{verb}", "d9", "--platform", status=1)
        assert "drain d9 of the platform was not found (404 " in told.err
        assert "See `deis drains --platform`" in told.err


async def test_a_removed_drain_is_listed_no_more(paper: Deis) -> None:
    await paper("drains:remove", "d1")
    assert [drain["id"] for drain in await paper.json("drains")] == ["d2"]
