"""Cancelling accounts: who may, and that a later account of the same name inherits nothing."""

from __future__ import annotations

import pytest

from libs.keyspace.document import now
from libs.keyspace.records import Cert, SshKey
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from tests.contract.controller.stumbling import Stumbling, cancel, user
from tests.support.api import Api, Client

CANCEL = "/v1/auth/cancel/"


@pytest.fixture
async def store() -> MemoryStore:
    return Stumbling()


@pytest.fixture
async def member(admin: Client) -> Client:
    return await admin.joined("member")


async def test_a_user_cancels_the_own_account(api: Api, member: Client) -> None:
    answer = await cancel(member)
    assert (answer.line, answer.text) == ("204 NO CONTENT", "")
    assert (await member("GET", "/v1/")).status == 401
    assert (await member.joined("member")).token


async def test_naming_oneself_is_the_same(member: Client) -> None:
    assert (await cancel(member, "member")).status == 204


async def test_a_form_may_name_whose(admin: Client, member: Client) -> None:
    answer = await admin("DELETE", CANCEL, data={"username": "member"})
    assert answer.status == 204
    assert (await member("GET", "/v1/")).status == 401


async def test_only_a_superuser_cancels_anothers(api: Api, admin: Client, member: Client) -> None:
    await admin.joined("other")
    refused = await cancel(member, "other")
    assert (refused.line, refused.json) == (
        "403 FORBIDDEN",
        {"detail": "You do not have permission to perform this action."},
    )
    assert (await cancel(member, "nobody")).status == 403
    assert (await cancel(admin, "nobody")).json == {"detail": "Not found"}
    assert (await cancel(admin, "other")).status == 204
    assert await user(api, "other") is None


async def test_who_owns_apps_stays(api: Api, member: Client) -> None:
    await member("POST", "/v1/apps", {"id": "mine"})
    answer = await cancel(member)
    said = "member still has applications assigned. Delete or transfer ownership"
    assert (answer.line, answer.json) == ("409 CONFLICT", {"detail": said})
    assert (await member("GET", "/v1/apps/mine")).status == 200
    await member("DELETE", "/v1/apps/mine")
    assert (await cancel(member)).status == 204


async def test_the_last_superuser_stays_while_there_are_others(admin: Client, member: Client) -> None:
    answer = await cancel(admin)
    assert answer.line == "409 CONFLICT"
    assert answer.json["detail"].startswith("admin is the last administrator. Make another user one before")
    await admin("POST", "/v1/admin/perms", {"username": "member"})
    assert (await cancel(admin)).status == 204
    assert (await member("GET", "/v1/users")).json["count"] == 1


async def test_the_last_user_may_go_and_the_next_is_the_first(admin: Client) -> None:
    assert (await cancel(admin)).status == 204
    again = await admin("POST", "/v1/auth/register/", {"username": "next", "password": "pw"})
    assert again.json["is_superuser"] is True


async def test_nobody_becomes_a_superuser_by_coming_after_one_who_left(admin: Client, member: Client) -> None:
    await admin("POST", "/v1/admin/perms", {"username": "member"})
    await cancel(admin)
    again = await admin("POST", "/v1/auth/register/", {"username": "admin", "password": "pw"})
    assert (again.status, again.json["is_superuser"]) == (201, False)


async def leave_things(api: Api, member: Client, admin: Client) -> None:
    """A key, a certificate, a named token, and a place among an app's collaborators."""
    keyspace, store = api.controller.keyspace, api.store
    key = SshKey(uuid="u", id="home", owner="member", public="ssh-rsa AA", fingerprint="aa", created=now())
    await Shelf(store, keyspace.keys).create(key, "a" * 64)
    await Shelf(store, keyspace.keys).create(key.changed(owner="admin"), "b" * 64)
    cert = Cert(common_name="c.d", owner="member", certificate="-", key="-", expires=now(), created=now())
    await Shelf(store, keyspace.certs).create(cert, "c.d")
    await member("POST", "/v1/auth/tokens/", {"name": "ci"})
    await admin("POST", "/v1/apps", {"id": "hello"})
    await admin("POST", "/v1/apps/hello/perms", {"username": "member"})


async def left_behind(api: Api) -> list[str]:
    """The keys of the store in whose values the member stands; events and logs tell what was."""
    entries = (await api.store.list("/deis/")).entries
    return [one.key for one in entries if b'"member"' in one.value and not one.key.startswith("/deis/events/")]


async def test_a_later_account_of_the_name_inherits_nothing(api: Api, admin: Client, member: Client) -> None:
    await leave_things(api, member, admin)
    assert len(await left_behind(api)) == 6
    assert (await cancel(member)).status == 204
    assert await left_behind(api) == []
    assert len((await api.store.list("/deis/keys/")).entries) == 1
    later = await admin.joined("member")
    assert (await later("GET", "/v1/apps")).json["count"] == 0
    assert (await later("GET", "/v1/auth/tokens")).json["count"] == 1
    assert (await member("GET", "/v1/")).json == {"detail": "Invalid token"}
    told = (await admin("GET", "/v1/apps/hello/events")).json["results"][0]
    assert (told["kind"], told["by"]) == ("collaborator removed", "member")


@pytest.mark.parametrize("where", ["keys", "certs", "tokens", "users"])
async def test_a_crash_in_between_is_completed_by_asking_again(
    api: Api, admin: Client, member: Client, store: Stumbling, where: str
) -> None:
    await leave_things(api, member, admin)
    store.broken = f"/deis/{where}/"
    assert (await cancel(member)).status == 503
    assert (await member("GET", "/v1/")).status == 401
    account = {"username": "member", "password": "opensesame"}
    assert (await admin("POST", "/v1/auth/login/", account)).json == {"non_field_errors": ["User account is disabled."]}
    assert (await admin("POST", "/v1/auth/register/", account)).status == 400
    store.broken = ""
    assert (await cancel(admin, "member")).status == 204
    assert await left_behind(api) == []


async def test_an_account_that_an_operator_disabled_stays_disabled(api: Api, admin: Client, member: Client) -> None:
    await member("POST", "/v1/apps", {"id": "mine"})
    users = Shelf(api.store, api.controller.keyspace.users)
    await users.update(lambda found: found.changed(is_active=False), "member")
    assert (await cancel(admin, "member")).status == 409
    present = await user(api, "member")
    assert present is not None
    assert not present.is_active
