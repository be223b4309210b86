"""Users, superusers, and the platform's settings: for superusers alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from libs.keyspace.records import PlatformSetting
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from tests.support.api import Answer, Api, Client

PERMS = "/v1/admin/perms"
SETTINGS = "/v1/admin/settings"
NO_DIRECTORY = {
    "ldap_endpoint": "",
    "ldap_bind_dn": "",
    "ldap_bind_password": "",
    "ldap_user_basedn": "",
    "ldap_user_filter": "uid",
    "ldap_start_tls": "true",
    "ldap_ca": "",
}
NAMES = ["registration_mode", *NO_DIRECTORY]
MUST_BE = "it must be enabled, disabled or admin_only, or null for the default"
MAY_NOT = {"detail": "You do not have permission to perform this action."}


@pytest.fixture
async def member(admin: Client) -> Client:
    return await admin.joined("member")


async def superusers(client: Client) -> list[str]:
    found = (await client("GET", PERMS)).json["results"]
    assert all(list(one) == ["username", "is_superuser"] and one["is_superuser"] is True for one in found)
    return [one["username"] for one in found]


async def test_users_are_listed_as_they_registered(admin: Client, member: Client) -> None:
    answer = await admin("GET", "/v1/users")
    assert (answer.json["count"], answer.json["next"], answer.json["previous"]) == (2, None, None)
    assert answer.json["results"][1] == (await member("GET", "/v1/auth/whoami")).json
    assert [one["username"] for one in answer.json["results"]] == ["admin", "member"]
    assert "argon2" not in answer.text


async def test_users_come_in_pages(admin: Client, member: Client) -> None:
    answer = await admin("GET", "/v1/users?page_size=1&page=2")
    assert [one["username"] for one in answer.json["results"]] == ["member"]
    assert answer.json["previous"].endswith("/v1/users?page_size=1")


async def test_a_superuser_makes_another_one(admin: Client, member: Client) -> None:
    assert (await member("GET", "/v1/users")).json == MAY_NOT
    answer = await admin("POST", PERMS, {"username": "member"})
    assert (answer.line, answer.text) == ("201 CREATED", "")
    assert await superusers(admin) == ["admin", "member"]
    shown = (await member("GET", "/v1/auth/whoami")).json
    assert (shown["is_superuser"], shown["is_staff"]) == (True, True)
    assert (await member("GET", "/v1/users")).status == 200
    assert (await admin("POST", PERMS, {"username": "member"})).status == 201


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 400, {"username": ["This field is required."]}),
        ({"username": ""}, 400, {"username": ["This field may not be blank."]}),
        ({"username": ["x"]}, 400, {"username": ["Not a valid string."]}),
        ({"username": "nobody"}, 404, {"detail": "Not found"}),
        ({"username": "a/b"}, 404, {"detail": "Not found"}),
    ],
)
async def test_somebody_must_be_named(admin: Client, body: object, status: int, said: object) -> None:
    answer = await admin("POST", PERMS, body)
    assert (answer.status, answer.json) == (status, said)


async def test_the_right_is_taken_away_again(admin: Client, member: Client) -> None:
    await admin("POST", PERMS, {"username": "member"})
    answer = await member("DELETE", f"{PERMS}/admin")
    assert (answer.line, answer.text) == ("204 NO CONTENT", "")
    assert await superusers(member) == ["member"]
    assert (await admin("GET", PERMS)).json == MAY_NOT
    assert (await admin("GET", "/v1/auth/whoami")).json["is_staff"] is False


async def test_taking_it_from_who_has_it_not_is_fine(admin: Client, member: Client) -> None:
    assert (await admin("DELETE", f"{PERMS}/member")).status == 204
    assert (await admin("DELETE", f"{PERMS}/nobody")).status == 404
    assert await superusers(admin) == ["admin"]


async def test_the_last_superuser_keeps_it(admin: Client, member: Client) -> None:
    answer = await admin("DELETE", f"{PERMS}/admin")
    said = "admin is the last administrator. Make another user one before: deis perms:create <user> --admin"
    assert (answer.line, answer.json) == ("409 CONFLICT", {"detail": said})
    assert await superusers(admin) == ["admin"]


async def test_two_who_take_it_from_each_other_do_not_both_lose_it(api: Api, admin: Client, member: Client) -> None:
    await admin("POST", PERMS, {"username": "member"})

    async def take(client: Client, username: str) -> Answer:
        return await client("DELETE", f"{PERMS}/{username}")

    async with asyncio.TaskGroup() as group:
        group.create_task(take(admin, "member"))
        group.create_task(take(member, "admin"))
    users = await Shelf(api.store, api.controller.keyspace.users).list()
    assert any(stored.document.is_superuser for stored in users)
    newcomer = await api.client("POST", "/v1/auth/register/", {"username": "newcomer", "password": "pw"})
    assert newcomer.json["is_superuser"] is False


async def test_who_registers_while_nobody_is_a_superuser_is_not_made_one(
    api: Api, admin: Client, member: Client
) -> None:
    """The instant between two who take it from each other, as a crash may leave it."""
    await admin("POST", PERMS, {"username": "member"})
    await member("DELETE", f"{PERMS}/admin")
    users = Shelf(api.store, api.controller.keyspace.users)
    await users.update(lambda user: user.changed(is_superuser=False), "member")
    newcomer = await api.client("POST", "/v1/auth/register/", {"username": "newcomer", "password": "pw"})
    assert newcomer.json["is_superuser"] is False
    stored = await users.get("member")
    assert stored is not None
    assert stored.document.is_superuser


async def test_settings_show_what_holds_and_the_defaults(admin: Client) -> None:
    answer = await admin("GET", SETTINGS)
    shown = {"registration_mode": "enabled", **NO_DIRECTORY}
    assert (answer.line, answer.json) == ("200 OK", {"settings": shown, "defaults": shown})


async def test_the_registration_mode_is_chosen_and_put_back(admin: Client) -> None:
    chosen = {"registration_mode": "admin_only", **NO_DIRECTORY}
    answer = await admin("POST", SETTINGS, {"settings": {"registration_mode": "admin_only"}})
    assert (answer.line, answer.json["settings"]) == ("201 CREATED", chosen)
    account = {"username": "bob", "password": "pw"}
    assert (await admin.with_token("")("POST", "/v1/auth/register/", account)).status == 403
    assert (await admin("POST", SETTINGS, {"settings": {}})).json["settings"] == chosen
    answer = await admin("POST", SETTINGS, {"settings": {"registration_mode": None}})
    assert answer.json["settings"] == {"registration_mode": "enabled", **NO_DIRECTORY}
    assert (await admin.with_token("")("POST", "/v1/auth/register/", account)).status == 201


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"settings": ["This field is required."]}),
        ({"settings": None}, {"settings": ["This field may not be null."]}),
        ({"settings": [1]}, {"settings": ['Expected a dictionary of items but got type "list".']}),
        (
            {"settings": {"colour": "red"}},
            {"settings": ['colour: "red"; there is no such setting; it must be one of ' + ", ".join(NAMES)]},
        ),
        (
            {"settings": {"registration_mode": "open"}},
            {"settings": [f'registration_mode: "open"; {MUST_BE}']},
        ),
        (
            {"settings": {"registration_mode": ["enabled"]}},
            {"settings": [f'registration_mode: ["enabled"]; {MUST_BE}']},
        ),
    ],
)
async def test_a_bad_setting_is_refused_by_name(admin: Client, body: dict[str, Any], wrong: object) -> None:
    answer = await admin("POST", SETTINGS, body)
    assert (answer.line, answer.json) == ("400 BAD REQUEST", wrong)
    assert (await admin("GET", SETTINGS)).json["settings"] == {"registration_mode": "enabled", **NO_DIRECTORY}


@pytest.mark.parametrize("name", ["first_superuser", "vault_key", "store", "builder_key"])
async def test_what_the_platform_keeps_for_itself_is_no_setting(admin: Client, name: str) -> None:
    assert (await admin("POST", SETTINGS, {"settings": {name: "member"}})).status == 400


async def test_a_mode_that_is_none_lets_nobody_in(api: Api, admin: Client, store: MemoryStore) -> None:
    shelf = Shelf(store, api.controller.keyspace.platform)
    await api.controller.picture.platform.reach(await shelf.put(PlatformSetting(value=["junk"]), "registration_mode"))
    answer = await api.client("POST", "/v1/auth/register/", {"username": "bob", "password": "pw"})
    assert (answer.status, answer.json) == (403, {"detail": "Registration is disabled"})
    assert (await admin("GET", SETTINGS)).json["settings"] == {"registration_mode": "disabled", **NO_DIRECTORY}
