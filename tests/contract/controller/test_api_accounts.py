"""Accounts: registering, logging in."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from libs.keyspace.records import PlatformSetting
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from tests.support.api import Answer, Api, Client

FIELDS = [
    "email",
    "username",
    "first_name",
    "last_name",
    "is_superuser",
    "is_staff",
    "groups",
    "user_permissions",
    "last_login",
    "date_joined",
    "is_active",
]


async def register(client: Client, **fields: Any) -> Answer:
    return await client("POST", "/v1/auth/register/", {"username": "bob", "password": "pw", **fields})


async def test_an_account_looks_as_in_v1(api: Api) -> None:
    answer = await register(api.client, email="bob@example.org", first_name="Bob")
    assert answer.line == "201 CREATED"
    assert list(answer.json) == FIELDS
    assert answer.json["groups"] == answer.json["user_permissions"] == []
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", answer.json["date_joined"])
    assert "pw" not in answer.text


async def test_the_first_user_is_a_superuser_and_the_next_is_not(api: Api) -> None:
    first = await register(api.client, username="first")
    second = await register(api.client, username="second")
    assert [first.json["is_superuser"], first.json["is_staff"]] == [True, True]
    assert [second.json["is_superuser"], second.json["is_staff"]] == [False, False]


async def test_of_many_first_users_exactly_one_is_a_superuser(api: Api) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(register(api.client, username=f"user{number}")) for number in range(10)]
    assert [task.result().status for task in tasks] == [201] * 10
    users = await Shelf(api.store, api.controller.keyspace.users).list()
    assert sum(stored.document.is_superuser for stored in users) == 1


async def test_a_claim_that_a_crash_cut_short_is_completed(api: Api) -> None:
    keyspace = api.controller.keyspace
    await register(api.client, username="first")
    await Shelf(api.store, keyspace.users).update(lambda user: user.changed(is_superuser=False), "first")
    await register(api.client, username="second")
    users = {stored.parts[0]: stored.document for stored in await Shelf(api.store, keyspace.users).list()}
    assert [users["first"].is_superuser, users["second"].is_superuser] == [True, False]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"username": None}, {"username": ["This field may not be null."]}),
        ({"username": ""}, {"username": ["This field may not be blank."]}),
        ({"username": "a b"}, {"username": ["Enter a valid username."]}),
        ({"username": "a/b"}, {"username": ["Enter a valid username."]}),
        ({"username": "a\n"}, {"username": ["Enter a valid username."]}),
        ({"username": ".."}, {"username": ["Enter a valid username."]}),
        ({"username": "\uff41dmin"}, {"username": ["Enter a valid username."]}),
        ({"username": "x" * 31}, {"username": ["Ensure this field has no more than 30 characters."]}),
        ({"username": ["bob"]}, {"username": ["Not a valid string."]}),
        ({"password": ""}, {"password": ["This field may not be blank."]}),
        ({"email": "nonsense"}, {"email": ["Enter a valid email address."]}),
        ({"email": "a@b c"}, {"email": ["Enter a valid email address."]}),
    ],
)
async def test_a_bad_field_is_refused_in_v1s_words(api: Api, fields: dict[str, Any], wrong: object) -> None:
    answer = await register(api.client, **fields)
    assert (answer.line, answer.json) == ("400 BAD REQUEST", wrong)
    assert await Shelf(api.store, api.controller.keyspace.users).list() == []


async def test_missing_fields_are_all_named(api: Api) -> None:
    answer = await api.client("POST", "/v1/auth/register/", {})
    required = ["This field is required."]
    assert answer.json == {"username": required, "password": required}


async def test_a_name_that_is_taken_and_other_bad_fields_are_told_together(api: Api) -> None:
    await register(api.client)
    answer = await register(api.client, email="nonsense")
    wrong = {"email": ["Enter a valid email address."], "username": ["This field must be unique."]}
    assert answer.json == wrong


async def test_nobody_registers_with_rights_of_the_own_choice(api: Api, admin: Client) -> None:
    rights = {"is_superuser": True, "is_staff": True, "is_active": False, "groups": [1], "date_joined": "2000-01-01"}
    answer = await register(api.client, **rights)
    assert answer.status == 201
    shown = {name: answer.json[name] for name in ("is_superuser", "is_staff", "is_active", "groups")}
    assert shown == {"is_superuser": False, "is_staff": False, "is_active": True, "groups": []}
    assert not answer.json["date_joined"].startswith("2000")


async def test_a_form_registers_and_logs_in(api: Api) -> None:
    account = {"username": "bob", "password": "pw", "email": ""}
    assert (await api.client("POST", "/v1/auth/register/", data=account)).status == 201
    assert (await api.client("POST", "/v1/auth/login/", data=account)).status == 200


async def test_a_token_that_is_not_valid_is_in_nobodys_way_where_none_is_needed(api: Api, admin: Client) -> None:
    stale = api.client.with_token("0" * 40)
    assert (await register(stale)).status == 201
    assert (await stale("POST", "/v1/auth/login/", {"username": "bob", "password": "pw"})).status == 200


async def test_a_login_takes_a_name_and_a_password(api: Api) -> None:
    required = ["This field is required."]
    assert (await api.client("POST", "/v1/auth/login/", {})).json == {"username": required, "password": required}
    assert (await api.client("POST", "/v1/auth/login/", {"username": "bob"})).json == {"password": required}
    assert (await api.client("POST", "/v1/auth/login", {"username": "bob", "password": "pw"})).status == 404


@pytest.mark.parametrize("username", ["a/b", "..", "x" * 5000, "\x7f"])
async def test_a_login_of_a_name_that_nobody_can_have_is_a_wrong_login(api: Api, username: str) -> None:
    answer = await api.client("POST", "/v1/auth/login/", {"username": username, "password": "pw"})
    said = {"non_field_errors": ["Unable to log in with provided credentials."]}
    assert (answer.line, answer.json) == ("400 BAD REQUEST", said)


async def test_a_login_is_remembered(api: Api) -> None:
    joined = (await register(api.client)).json
    assert joined["last_login"] == joined["date_joined"]
    await api.client("POST", "/v1/auth/login/", {"username": "bob", "password": "nope"})
    answer = await api.client("POST", "/v1/auth/login/", {"username": "bob", "password": "pw"})
    shown = (await api.client.with_token(answer.json["token"])("GET", "/v1/auth/whoami")).json
    assert shown["last_login"] > shown["date_joined"] == joined["date_joined"]


async def test_a_name_is_one_users(api: Api) -> None:
    await register(api.client)
    answer = await register(api.client)
    assert (answer.line, answer.json) == ("400 BAD REQUEST", {"username": ["This field must be unique."]})


async def test_no_email_is_an_empty_one(api: Api) -> None:
    assert (await register(api.client)).json["email"] == ""


@pytest.mark.parametrize("username", ["_private", "..", "a+b@c", "Ünal", "x%2Fy"])
async def test_a_name_of_odd_characters_is_its_own(api: Api, username: str) -> None:
    answer = await register(api.client, username=username)
    if answer.status == 201:
        login = {"username": username, "password": "pw"}
        token = (await api.client("POST", "/v1/auth/login/", login)).json["token"]
        assert (await api.client.with_token(token)("GET", "/v1/auth/whoami")).json["username"] == username
    else:
        assert answer.status == 400


async def test_closed_registration_is_refused(api: Api, admin: Client, store: MemoryStore) -> None:
    modes = Shelf(store, api.controller.keyspace.platform)
    member = await api.client.joined("member")

    async def close(mode: str) -> None:
        await api.controller.picture.platform.reach(await modes.put(PlatformSetting(value=mode), "registration_mode"))

    await close("disabled")
    answer = await register(api.client)
    assert (answer.line, answer.json) == ("403 FORBIDDEN", {"detail": "Registration is disabled"})
    await close("admin_only")
    nobody = await register(api.client)
    assert (nobody.status, nobody.json["detail"]) == (403, "Authentication credentials were not provided.")
    refused = await register(member)
    assert (refused.status, refused.json["detail"]) == (403, "You do not have permission to perform this action.")
    assert (await register(admin)).status == 201


async def test_a_token_is_forty_hexadecimal_digits_and_only_its_hash_is_kept(api: Api, store: MemoryStore) -> None:
    member = await api.client.joined("member")
    assert re.fullmatch(r"[0-9a-f]{40}", member.token)
    everything = await store.list("/deis/")
    assert all(member.token.encode() not in entry.value for entry in everything.entries)
    assert all(b"opensesame" not in entry.value for entry in everything.entries)


async def test_a_later_login_leaves_earlier_tokens_valid(api: Api) -> None:
    first = await api.client.joined("member")
    login = {"username": "member", "password": "opensesame"}
    second = (await api.client("POST", "/v1/auth/login/", login)).json["token"]
    assert second != first.token
    assert (await first("GET", "/v1/auth/whoami")).status == 200


@pytest.mark.parametrize("login", [{"username": "member", "password": "x"}, {"username": "x", "password": "x"}])
async def test_a_wrong_login_does_not_tell_what_was_wrong(api: Api, login: dict[str, str]) -> None:
    await api.client.joined("member")
    answer = await api.client("POST", "/v1/auth/login/", login)
    assert answer.line == "400 BAD REQUEST"
    assert answer.json == {"non_field_errors": ["Unable to log in with provided credentials."]}


async def test_an_inactive_user_is_nobody(api: Api, store: MemoryStore) -> None:
    member = await api.client.joined("member")
    users = Shelf(store, api.controller.keyspace.users)
    stored = await users.update(lambda user: user.changed(is_active=False), "member")
    assert stored is not None
    await api.controller.picture.users.reach(stored.revision)
    assert (await member("GET", "/v1/")).json == {"detail": "User inactive or deleted"}
    login = {"username": "member", "password": "opensesame"}
    refused = await api.client("POST", "/v1/auth/login/", login)
    assert refused.json == {"non_field_errors": ["User account is disabled."]}
