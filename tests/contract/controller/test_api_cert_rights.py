"""Whose a certificate's name is: nobody keeps a domain's users from theirs."""

from __future__ import annotations

import pytest

from tests.contract.controller.test_api_certs import add, names
from tests.support.api import Api, Client
from tests.support.certificates import make_certificate

NAME = "www.example.org"
ONE = f"/v1/certs/{NAME}"
THEIRS, MINE = make_certificate(NAME), make_certificate(NAME)


async def kinds(client: Client, app: str) -> list[str]:
    events = (await client("GET", f"{app}/events")).json["results"]
    return [event["kind"] for event in events if event["kind"].startswith("certificate")]


@pytest.fixture
async def bob(admin: Client) -> Client:
    """A user with an app."""
    bob = await admin.joined("bob")
    assert (await bob("POST", "/v1/apps", {"id": "shop"})).status == 201
    return bob


SHOP = "/v1/apps/shop"


async def test_adding_a_domain_drops_a_strangers_certificate_of_its_name(admin: Client, bob: Client) -> None:
    cy = await admin.joined("cy")
    assert (await add(cy, THEIRS)).status == 201
    assert (await add(bob, MINE)).status == 400
    assert (await bob("POST", f"{SHOP}/domains", {"domain": "WWW.example.org"})).status == 201
    assert await kinds(bob, SHOP) == ["certificate removed"]
    assert "cy" not in (await bob("GET", f"{SHOP}/events")).text
    assert (await add(bob, MINE)).status == 201
    assert (await names(cy), await names(bob)) == ([], [NAME])
    assert (await add(cy, THEIRS)).line == "403 FORBIDDEN"


@pytest.mark.parametrize("friend", ["bob", "dan", "admin"])
async def test_adding_a_domain_leaves_the_certificate_of_who_may_use_the_app(
    admin: Client, bob: Client, friend: str
) -> None:
    dan = await admin.joined("dan")
    assert (await bob("POST", f"{SHOP}/perms", {"username": "dan"})).status == 201
    owner = {"bob": bob, "dan": dan, "admin": admin}[friend]
    assert (await add(owner, MINE)).status == 201
    assert (await bob("POST", f"{SHOP}/domains", {"domain": NAME})).status == 201
    assert await names(owner) == [NAME]
    assert await kinds(bob, SHOP) == []


async def test_who_may_use_the_domains_app_puts_his_own_in_a_strangers_place(
    api: Api, admin: Client, bob: Client
) -> None:
    dan = await admin.joined("dan")
    for name in ("dan", "eve"):
        eve = await admin.joined("eve") if name == "eve" else dan
        assert (await bob("POST", f"{SHOP}/perms", {"username": name})).status == 201
    assert (await bob("POST", f"{SHOP}/domains", {"domain": NAME})).status == 201
    assert (await add(eve, THEIRS)).status == 201
    refused = await add(dan, MINE)
    assert refused.line == "400 BAD REQUEST"
    assert refused.json["common_name"][1].startswith("eve, who may use the app shop too, has it")
    assert (await dan("DELETE", ONE)).line == "404 NOT FOUND"
    assert (await bob("DELETE", f"{SHOP}/perms/eve")).status == 204
    assert (await add(dan, MINE)).line == "201 CREATED"
    assert (await names(eve), await names(dan)) == ([], [NAME])
    cert = api.controller.picture.certs.mirror.get(NAME)
    assert cert is not None
    assert api.controller.vault.unseal_text(f"cert:{NAME}", cert.key) == MINE.key
    assert (await add(bob, THEIRS)).line == "201 CREATED"  # the app's owner may replace a collaborator's
    assert (await bob("GET", ONE)).json["owner"] == "bob"
    assert await kinds(bob, SHOP) == ["certificate replaced", "certificate replaced"]


async def test_who_may_use_the_domains_app_removes_a_strangers(admin: Client, bob: Client) -> None:
    cy = await admin.joined("cy")
    assert (await bob("POST", f"{SHOP}/perms", {"username": "cy"})).status == 201
    assert (await bob("POST", f"{SHOP}/domains", {"domain": NAME})).status == 201
    assert (await add(cy, THEIRS)).status == 201
    assert (await bob("DELETE", f"{SHOP}/perms/cy")).status == 204
    assert (await bob("DELETE", ONE)).line == "204 NO CONTENT"
    assert await names(cy) == []
    assert await kinds(bob, SHOP) == ["certificate removed"]


async def test_a_superuser_sees_replaces_and_removes_any_by_its_name(admin: Client) -> None:
    cy = await admin.joined("cy")
    assert (await add(cy, THEIRS)).status == 201
    assert (await admin("GET", ONE)).json["owner"] == "cy"
    assert await names(admin) == []
    assert (await add(admin, MINE)).line == "201 CREATED"
    assert (await names(admin), await names(cy)) == ([NAME], [])
    assert (await cy("DELETE", ONE)).line == "404 NOT FOUND"
    assert (await admin("DELETE", ONE)).status == 204
    assert (await add(cy, THEIRS)).status == 201
    assert (await admin("DELETE", ONE)).line == "204 NO CONTENT"
    assert await names(cy) == []
