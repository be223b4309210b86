"""Who else may use an app, and giving it away."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.api import Client

MAY_NOT = {"detail": "You do not have permission to perform this action."}
NOT_FOUND = {"detail": "Not found"}
PERMS = "/v1/apps/mine/perms"


@pytest.fixture
async def owner(admin: Client) -> Client:
    """Of the app `mine`."""
    owner = await admin.joined("owner")
    assert (await owner("POST", "/v1/apps", {"id": "mine"})).status == 201
    return owner


@pytest.fixture
async def mate(owner: Client) -> Client:
    """A collaborator."""
    mate = await owner.joined("mate")
    assert (await owner("POST", PERMS, {"username": "mate"})).status == 201
    return mate


@pytest.fixture
async def stranger(admin: Client) -> Client:
    return await admin.joined("stranger")


async def users(client: Client) -> list[str]:
    answer = await client("GET", PERMS)
    assert list(answer.json) == ["users"]
    found: list[str] = answer.json["users"]
    return found


async def told(client: Client) -> list[tuple[str, str, str]]:
    """The events, newest first."""
    found = (await client("GET", "/v1/apps/mine/events")).json["results"]
    return [(one["kind"], one["by"], one["message"]) for one in found]


async def test_the_owner_lets_others_in(owner: Client, stranger: Client) -> None:
    assert await users(owner) == []
    assert (await stranger("GET", "/v1/apps/mine")).json == MAY_NOT
    answer = await owner("POST", PERMS, {"username": "stranger"})
    assert (answer.line, answer.text) == ("201 CREATED", "")
    assert await users(stranger) == ["stranger"]
    assert (await stranger("GET", "/v1/apps/mine")).status == 200
    assert [one["id"] for one in (await stranger("GET", "/v1/apps")).json["results"]] == ["mine"]
    assert (await told(owner))[0] == ("collaborator added", "owner", "owner gave stranger access")


async def test_who_is_in_already_stays_without_a_word(owner: Client, mate: Client) -> None:
    before = await told(owner)
    assert (await owner("POST", PERMS, {"username": "mate"})).status == 201
    assert await users(owner) == ["mate"]
    assert await told(owner) == before


async def test_the_owner_is_no_collaborator(admin: Client, owner: Client) -> None:
    assert (await owner("POST", PERMS, {"username": "owner"})).status == 201
    assert await users(owner) == []
    assert (await admin("DELETE", f"{PERMS}/owner")).json == MAY_NOT


async def test_a_superuser_may_let_in_and_send_away(admin: Client, owner: Client, stranger: Client) -> None:
    assert (await admin("POST", PERMS, {"username": "stranger"})).status == 201
    assert (await admin("DELETE", f"{PERMS}/stranger")).line == "204 NO CONTENT"
    assert await users(owner) == []
    assert (await told(owner))[0] == ("collaborator removed", "admin", "admin took stranger's access away")


async def test_a_collaborator_sees_who_but_lets_nobody_in(owner: Client, mate: Client, stranger: Client) -> None:
    assert await users(mate) == ["mate"]
    assert (await mate("POST", PERMS, {"username": "stranger"})).json == MAY_NOT
    assert (await mate("POST", PERMS, {})).json == MAY_NOT
    assert (await stranger("GET", PERMS)).json == MAY_NOT
    assert (await stranger("POST", PERMS, {"username": "stranger"})).json == MAY_NOT
    assert await users(owner) == ["mate"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 400, {"username": ["This field is required."]}),
        ({"username": ""}, 400, {"username": ["This field may not be blank."]}),
        ({"username": {}}, 400, {"username": ["Not a valid string."]}),
        ({"username": "nobody"}, 404, NOT_FOUND),
        ({"username": "../users"}, 404, NOT_FOUND),
    ],
)
async def test_somebody_must_be_named(owner: Client, body: object, status: int, said: object) -> None:
    answer = await owner("POST", PERMS, body)
    assert (answer.status, answer.json) == (status, said)


async def test_a_collaborator_may_leave(owner: Client, mate: Client) -> None:
    answer = await mate("DELETE", f"{PERMS}/mate")
    assert (answer.line, answer.text) == ("204 NO CONTENT", "")
    assert (await mate("GET", "/v1/apps/mine")).json == MAY_NOT
    assert (await mate("DELETE", f"{PERMS}/mate")).json == MAY_NOT
    assert (await told(owner))[0] == ("collaborator removed", "mate", "mate left")


async def test_a_collaborator_sends_no_other_away(owner: Client, mate: Client, stranger: Client) -> None:
    await owner("POST", PERMS, {"username": "stranger"})
    assert (await mate("DELETE", f"{PERMS}/stranger")).json == MAY_NOT
    assert await users(owner) == ["mate", "stranger"]


async def test_who_has_no_access_has_none_to_lose(owner: Client, stranger: Client) -> None:
    answer = await owner("DELETE", f"{PERMS}/stranger")
    assert (answer.line, answer.json) == ("403 FORBIDDEN", MAY_NOT)
    assert (await owner("DELETE", f"{PERMS}/nobody")).json == NOT_FOUND
    assert (await stranger("DELETE", f"{PERMS}/stranger")).json == MAY_NOT
    assert (await stranger("DELETE", f"{PERMS}/nobody")).json == MAY_NOT


async def test_an_app_that_there_is_not_is_not_found(owner: Client) -> None:
    for method, path in (("GET", ""), ("POST", ""), ("DELETE", "/mate")):
        assert (await owner(method, f"/v1/apps/none/perms{path}", {"username": "mate"})).json == NOT_FOUND


async def test_many_at_once_are_all_let_in(owner: Client, mate: Client, stranger: Client, admin: Client) -> None:
    async def let_in(username: str) -> None:
        assert (await owner("POST", PERMS, {"username": username})).status == 201

    async with asyncio.TaskGroup() as group:
        group.create_task(let_in("stranger"))
        group.create_task(let_in("admin"))
    assert await users(owner) == ["admin", "mate", "stranger"]


async def test_a_given_app_is_another_users(owner: Client, stranger: Client) -> None:
    answer = await owner("POST", "/v1/apps/mine", {"owner": "stranger"})
    assert (answer.line, answer.text) == ("200 OK", "")
    assert (await stranger("GET", "/v1/apps/mine")).json["owner"] == "stranger"
    assert (await owner("GET", "/v1/apps/mine")).json == MAY_NOT
    assert await users(stranger) == []
    assert (await told(stranger))[0] == ("transferred", "owner", "owner gave it to stranger")


async def test_a_collaborator_who_becomes_the_owner_is_no_collaborator(owner: Client, mate: Client) -> None:
    await owner("POST", "/v1/apps/mine", {"owner": "mate"})
    assert await users(mate) == []
    assert (await mate("DELETE", "/v1/apps/mine")).status == 204


async def test_a_collaborator_gives_nothing_away(owner: Client, mate: Client) -> None:
    assert (await mate("POST", "/v1/apps/mine", {"owner": "mate"})).json == MAY_NOT
    assert (await mate("POST", "/v1/apps/mine", {})).status == 200
    assert (await owner("POST", "/v1/apps/mine", {"owner": "nobody"})).json == NOT_FOUND
    assert (await owner("GET", "/v1/apps/mine")).json["owner"] == "owner"


async def test_an_app_given_to_its_owner_stays_without_a_word(owner: Client) -> None:
    before = await told(owner)
    assert (await owner("POST", "/v1/apps/mine", {"owner": "owner"})).status == 200
    assert await told(owner) == before


async def test_giving_an_app_begins_no_rollout(owner: Client, stranger: Client) -> None:
    before = (await owner("GET", "/v1/apps/mine")).json["updated"]
    await owner("POST", "/v1/apps/mine", {"owner": "stranger"})
    assert (await stranger("GET", "/v1/apps/mine")).json["updated"] == before
