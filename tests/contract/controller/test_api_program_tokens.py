"""Named tokens, which programs show: they make and end no tokens, and events say which did something."""

from __future__ import annotations

import pytest

from services.controller.resources.tokens import FOR_PROGRAMS
from tests.support.api import Client

TOKENS = "/v1/auth/tokens"


async def program(client: Client, name: str) -> tuple[Client, str]:
    """A program of this user's, and the id of its token."""
    made = (await client("POST", f"{TOKENS}/", {"name": name})).json
    return client.with_token(made["token"]), made["id"]


@pytest.mark.parametrize("body", [{}, {"name": "more"}, {"all": True}, {"username": "admin"}, {"name": 1}])
async def test_a_program_makes_no_tokens_whosever_it_is(admin: Client, body: dict[str, object]) -> None:
    ci, _ = await program(admin, "ci")
    before = (await admin("GET", TOKENS)).json["count"]
    answer = await ci("POST", f"{TOKENS}/", body)
    assert (answer.line, answer.json) == ("403 FORBIDDEN", {"detail": FOR_PROGRAMS})
    assert (await admin("GET", TOKENS)).json["count"] == before


async def test_a_program_ends_no_token_but_its_own(admin: Client) -> None:
    ci, own = await program(admin, "ci")
    _, other = await program(admin, "other")
    for id_ in (other, "nope"):
        answer = await ci("DELETE", f"{TOKENS}/{id_}")
        assert (answer.line, answer.json) == ("403 FORBIDDEN", {"detail": FOR_PROGRAMS})
    assert (await ci("DELETE", f"{TOKENS}/{own}")).line == "204 NO CONTENT"
    assert (await ci("GET", "/v1/auth/whoami")).status == 401
    last, _ = await program(admin, "last")
    assert (await last("DELETE", f"{TOKENS}/current")).status == 204
    assert (await admin("DELETE", f"{TOKENS}/{other}")).status == 204


async def test_an_event_says_which_program_did_it(admin: Client) -> None:
    ci, id_ = await program(admin, "ci")
    assert (await ci("POST", "/v1/apps", {"id": "made"})).status == 201
    assert (await admin("POST", "/v1/apps/made/domains", {"domain": "made.example.org"})).status == 201
    assert (await ci("POST", "/v1/apps/made/settings", {"settings": {"drain_seconds": 5}})).status == 201
    events = (await admin("GET", "/v1/apps/made/events")).json["results"]
    told = {event["kind"]: (event["by"], event["token"]) for event in events}
    by_ci = ("admin", {"id": id_, "name": "ci"})
    assert told == {"created": by_ci, "domain added": ("admin", None), "settings": by_ci}


async def test_what_a_program_set_going_is_told_of_by_its_name_too(admin: Client) -> None:
    """Over one connection a login's request comes after it, and is not taken for the program's."""
    ci, id_ = await program(admin, "ci")
    assert (await admin("POST", "/v1/apps", {"id": "made"})).status == 201
    for client in (ci, admin):
        assert (await client("POST", "/v1/apps/made/config", {"values": {"A": client.token}})).status == 201
    events = (await admin("GET", "/v1/apps/made/events")).json["results"]
    assert [event["token"] for event in events] == [None, {"id": id_, "name": "ci"}, None]
