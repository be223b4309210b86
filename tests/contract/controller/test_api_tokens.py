"""Tokens: several of a user, named, listed, ended, and made anew as in v1."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest

from libs.keyspace.document import now
from libs.keyspace.records import Token
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from services.controller.tokens import LOGINS_KEPT, MOST_NAMED, hash_of
from tests.support.api import Answer, Api, Client
from tests.support.tokens import again, listed, put_back, works

TOKENS = "/v1/auth/tokens/"
UNIQUE = ["This field must be unique."]


@pytest.fixture
async def member(admin: Client) -> Client:
    return await admin.joined("member")


async def named(client: Client, name: str) -> Answer:
    return await client("POST", TOKENS, {"name": name})


async def test_a_named_token_works_beside_the_others(member: Client) -> None:
    answer = await named(member, "ci")
    assert answer.line == "201 CREATED"
    assert list(answer.json) == ["token", "id", "name"]
    assert re.fullmatch(r"[0-9a-f]{40}", answer.json["token"])
    assert await works(member.with_token(answer.json["token"]))
    assert await works(member)


async def test_the_list_tells_of_each_token_but_never_the_token(api: Api, member: Client) -> None:
    made = (await named(member, "ci")).json
    answer = await member("GET", "/v1/auth/tokens")
    assert answer.json["count"] == 2
    newest, login = answer.json["results"]
    assert list(newest) == ["id", "name", "created", "last_used", "current"]
    assert (newest["id"], newest["name"], newest["current"]) == (made["id"], "ci", False)
    assert (login["name"], login["current"]) == ("", True)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dUTC", str(newest["created"]))
    assert newest["last_used"] is None
    assert made["token"] not in answer.text
    assert hash_of(made["token"]) not in answer.text


async def test_a_token_from_before_there_were_ids_has_one_too(api: Api, member: Client) -> None:
    await put_back(api, member.token, id="")
    other = await again(member)
    old = (await listed(other))[1]["id"]
    assert (await other("DELETE", f"/v1/auth/tokens/{old}")).status == 204
    assert not await works(member)


async def test_a_list_comes_in_pages(member: Client) -> None:
    for number in range(3):
        await named(member, f"n{number}")
    answer = await member("GET", "/v1/auth/tokens?page_size=2&page=2")
    assert (answer.json["count"], len(answer.json["results"])) == (4, 2)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"name": ""}, {"name": ["This field may not be blank."]}),
        ({"name": None}, {"name": ["This field may not be null."]}),
        ({"name": "x" * 65}, {"name": ["Ensure this field has no more than 64 characters."]}),
        ({"name": ["ci"]}, {"name": ["Not a valid string."]}),
        ({"name": "ci", "username": "admin"}, {"username": ["A named token is one's own: leave this out."]}),
        ({"name": "ci", "all": True}, {"all": ["A named token is one's own: leave this out."]}),
    ],
)
async def test_a_bad_name_is_refused(member: Client, body: object, wrong: object) -> None:
    answer = await member("POST", TOKENS, body)
    assert (answer.line, answer.json) == ("400 BAD REQUEST", wrong)
    assert len(await listed(member)) == 1


async def test_a_name_is_one_tokens_of_a_user(admin: Client, member: Client) -> None:
    assert (await named(member, "ci")).status == 201
    again = await named(member, "ci")
    assert (again.line, again.json) == ("400 BAD REQUEST", {"name": UNIQUE})
    assert (await named(admin, "ci")).status == 201


async def test_of_many_at_once_one_gets_the_name(member: Client) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(named(member, "ci")) for _ in range(8)]
    assert sorted(task.result().status for task in tasks) == [201, *[400] * 7]
    assert [one["name"] for one in await listed(member)].count("ci") == 1


async def test_named_tokens_are_not_without_number(api: Api, member: Client) -> None:
    shelf = Shelf(api.store, api.controller.keyspace.tokens)
    for number in range(MOST_NAMED):
        revision = await shelf.create(Token(username="member", name=f"n{number}", created=now()), f"{number:064}")
    await api.controller.picture.tokens.reach(revision)
    answer = await named(member, "more")
    assert answer.status == 400
    assert answer.json["name"][0].startswith(f"You have {MOST_NAMED} named tokens")


async def test_of_too_many_logins_the_one_unused_for_longest_ends_and_no_named_one(api: Api, member: Client) -> None:
    shelf = Shelf(api.store, api.controller.keyspace.tokens)
    ci = member.with_token((await named(member, "ci")).json["token"])
    await put_back(api, ci.token, created=now() - timedelta(days=500))
    await put_back(api, member.token, created=now() - timedelta(days=400), used=now())
    users = Shelf(api.store, api.controller.keyspace.users)
    stored = await users.update(lambda user: user.changed(date_joined=now() - timedelta(days=900)), "member")
    assert stored is not None
    await api.controller.picture.users.reach(stored.revision)
    for number in range(LOGINS_KEPT - 1):
        old = Token(username="member", created=now() - timedelta(days=300 - number))
        revision = await shelf.create(old, f"{number:064}")
    await api.controller.picture.tokens.reach(revision)
    newest = await again(member)
    assert await shelf.get(f"{0:064}") is None
    assert await shelf.get(f"{1:064}") is not None
    assert [await works(one) for one in (ci, member, newest)] == [True, True, True]


async def test_ending_a_token_leaves_the_others(member: Client) -> None:
    made = (await named(member, "ci")).json
    ended = await member("DELETE", f"/v1/auth/tokens/{made['id']}")
    assert (ended.line, ended.text) == ("204 NO CONTENT", "")
    refused = await member.with_token(made["token"])("GET", "/v1/")
    assert (refused.line, refused.json) == ("401 UNAUTHORIZED", {"detail": "Invalid token"})
    assert await works(member)
    assert (await member("DELETE", f"/v1/auth/tokens/{made['id']}")).line == "404 NOT FOUND"


async def test_current_is_the_token_of_the_request(member: Client) -> None:
    other = await again(member)
    assert (await member("DELETE", "/v1/auth/tokens/current")).status == 204
    assert not await works(member)
    assert await works(other)


async def test_anothers_token_is_not_there_but_for_superusers(admin: Client, member: Client) -> None:
    admins = (await listed(admin))[0]["id"]
    members = (await listed(member))[0]["id"]
    assert (await member("DELETE", f"/v1/auth/tokens/{admins}")).status == 404
    assert (await member("GET", "/v1/auth/tokens?username=admin")).status == 403
    assert (await member("GET", "/v1/auth/tokens?username=member")).status == 200
    assert (await admin("GET", "/v1/auth/tokens?username=nobody")).status == 404
    assert [one["id"] for one in await listed(admin, "?username=member")] == [members]
    assert (await admin("DELETE", f"/v1/auth/tokens/{members}")).status == 204
    assert not await works(member)


async def test_a_new_token_ends_all_the_earlier_ones(admin: Client, member: Client) -> None:
    others = [await again(member), member.with_token((await named(member, "ci")).json["token"])]
    answer = await member("POST", TOKENS)
    assert (answer.line, list(answer.json)) == ("200 OK", ["token"])
    assert [await works(one) for one in (member, *others)] == [False, False, False]
    assert await works(member.with_token(answer.json["token"]))
    assert await works(admin)


async def test_a_superuser_makes_anothers_token_anew(admin: Client, member: Client) -> None:
    answer = await admin("POST", TOKENS, {"username": "member"})
    assert not await works(member)
    fresh = await member.with_token(answer.json["token"])("GET", "/v1/auth/whoami")
    assert fresh.json["username"] == "member"
    assert await works(admin)
    assert (await admin("POST", TOKENS, {"username": "nobody"})).status == 404


@pytest.mark.parametrize("everybody", [True, False, "", None])
async def test_all_ends_every_token_of_every_user_and_tells_none(
    admin: Client, member: Client, everybody: object
) -> None:
    await named(member, "ci")
    answer = await admin("POST", TOKENS, {"all": everybody})
    assert (answer.line, answer.json, answer.text) == ("200 OK", "", '""')
    assert [await works(one) for one in (admin, member)] == [False, False]
    assert await works(await again(admin, "admin"))


@pytest.mark.parametrize("body", [{"username": "admin"}, {"username": "member"}, {"all": True}, {"all": ""}])
async def test_only_a_superuser_may_name_whose(admin: Client, member: Client, body: object) -> None:
    answer = await member("POST", TOKENS, body)
    assert answer.line == "403 FORBIDDEN"
    assert [await works(one) for one in (admin, member)] == [True, True]


async def test_a_new_token_takes_the_final_slash(member: Client) -> None:
    answer = await member("POST", "/v1/auth/tokens", {})
    assert answer.status in {404, 405}
    assert await works(member)


async def test_a_token_from_before_the_account_is_an_earlier_ones(api: Api, member: Client) -> None:
    await put_back(api, member.token, created=now() - timedelta(days=1))
    refused = await member("GET", "/v1/")
    assert (refused.line, refused.json) == ("401 UNAUTHORIZED", {"detail": "Invalid token"})
    assert await listed(await again(member)) != []
    assert len(await listed(await again(member))) == 2


async def test_a_record_that_is_no_token_is_no_right(api: Api, member: Client, store: MemoryStore) -> None:
    text = "f" * 40
    await store.put(api.controller.keyspace.tokens.key(hash_of(text)), b'{"username": 5}')
    assert (await member.with_token(text)("GET", "/v1/")).status == 401
    assert (await member("POST", TOKENS, {})).status == 200
