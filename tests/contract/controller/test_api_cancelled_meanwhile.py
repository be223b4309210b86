"""Accounts that are cancelled while something comes to them: one of the two sees the other."""

from __future__ import annotations

import asyncio
import base64
import hashlib

import pytest

from libs.keyspace.document import now
from libs.keyspace.records import App, User
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from services.controller.tokens import hash_of
from tests.contract.controller.stumbling import Stumbling, cancel, user
from tests.support.api import Api, Client
from tests.support.certificates import make_certificate
from tests.support.ssh import make_public_key
from tests.support.waiting import eventually

Patch = pytest.MonkeyPatch


@pytest.fixture
async def store() -> MemoryStore:
    return Stumbling()


@pytest.fixture
async def member(admin: Client) -> Client:
    return await admin.joined("member")


def sha256_of(public: str) -> str:
    """Of the key's blob."""
    return hashlib.sha256(base64.b64decode(public.split()[1])).hexdigest()


def given(api: Api, username: str) -> tuple[str, bytes]:
    """An app that somebody else writes."""
    app = App(id="gift", uuid="u", owner=username, created=now(), updated=now())
    return api.controller.keyspace.apps.key("gift"), app.encode()


async def test_an_app_that_came_while_the_account_was_cancelled_keeps_it(
    api: Api, member: Client, store: Stumbling
) -> None:
    api.deployer.holding = True
    store.interrupts[api.controller.keyspace.users.key("member")] = given(api, "member")
    answer = await cancel(member)
    assert answer.status == 409
    present = await user(api, "member")
    assert present is not None
    assert (present.is_active, present.cancelling) == (True, False)
    assert (await member("GET", "/v1/")).status == 200


async def cancelled_meanwhile(api: Api, store: Stumbling, key: str) -> None:
    """The member's account is being cancelled right after this key was written."""
    present = await user(api, "member")
    assert present is not None
    leaving = present.changed(is_active=False, cancelling=True).encode()
    store.interrupts[key] = (api.controller.keyspace.users.key("member"), leaving)


async def test_who_is_being_cancelled_is_given_no_app(
    api: Api, admin: Client, member: Client, app: str, store: Stumbling
) -> None:
    await cancelled_meanwhile(api, store, api.controller.keyspace.apps.key("hello"))
    assert (await admin("POST", app, {"owner": "member"})).status == 404
    assert (await admin("GET", app)).json["owner"] == "admin"
    assert (await admin("POST", app, {"owner": "member"})).status == 404


async def test_who_is_being_cancelled_is_let_into_no_app(
    api: Api, admin: Client, member: Client, app: str, store: Stumbling
) -> None:
    await cancelled_meanwhile(api, store, api.controller.keyspace.apps.key("hello"))
    assert (await admin("POST", f"{app}/perms", {"username": "member"})).status == 404
    assert (await admin("GET", f"{app}/perms")).json == {"users": []}
    assert (await admin("POST", f"{app}/perms", {"username": "member"})).status == 404


async def test_who_is_being_cancelled_makes_no_app(api: Api, admin: Client, member: Client, store: Stumbling) -> None:
    await cancelled_meanwhile(api, store, api.controller.keyspace.apps.key("mine"))
    assert (await member("POST", "/v1/apps", {"id": "mine"})).status == 401
    stored = await Shelf(api.store, api.controller.keyspace.apps).get("mine")
    assert stored is None or stored.document.state == "destroying"


async def test_who_is_being_cancelled_brings_no_key(api: Api, admin: Client, member: Client, store: Stumbling) -> None:
    public = make_public_key("home")
    await cancelled_meanwhile(api, store, api.controller.keyspace.keys.key(sha256_of(public)))
    assert (await member("POST", "/v1/keys", {"id": "home", "public": public})).status == 401
    assert (await store.list("/deis/keys/")).entries == ()


async def test_who_is_being_cancelled_brings_no_certificate(
    api: Api, admin: Client, member: Client, store: Stumbling
) -> None:
    made = make_certificate("c.d", ["c.d"])
    await cancelled_meanwhile(api, store, api.controller.keyspace.certs.key("c.d"))
    assert (await member("POST", "/v1/certs", {"certificate": made.pem, "key": made.key})).status == 401
    assert (await store.list("/deis/certs/")).entries == ()


async def test_who_is_being_cancelled_gets_no_token(api: Api, admin: Client, member: Client, store: Stumbling) -> None:
    present = await user(api, "member")
    assert present is not None
    tokens = api.controller.accounts.tokens
    before = len(tokens.of(present))
    login = tokens.make

    async def make(found: User, name: str = "") -> object:
        made = await login(found, name)
        await Shelf(api.store, api.controller.keyspace.users).update(
            lambda one: one.changed(is_active=False, cancelling=True), "member"
        )
        return made

    tokens.make = make  # type: ignore[method-assign,assignment]
    answer = await admin("POST", "/v1/auth/login/", {"username": "member", "password": "opensesame"})
    assert answer.status == 400
    assert len(tokens.of(present)) == before


async def test_who_is_being_cancelled_gets_no_named_token(api: Api, member: Client, monkeypatch: Patch) -> None:
    monkeypatch.setattr("services.controller.tokens.secrets.token_hex", lambda length: "f" * 2 * length)
    token = api.controller.keyspace.tokens.key(hash_of("f" * 40))
    assert isinstance(api.store, Stumbling)
    await cancelled_meanwhile(api, api.store, token)
    assert (await member("POST", "/v1/auth/tokens/", {"name": "ci"})).status == 401
    assert await api.store.get(token) is None


async def test_two_superusers_who_cancel_each_other_leave_one(
    api: Api, admin: Client, member: Client, store: Stumbling
) -> None:
    await admin.joined("third")
    await admin("POST", "/v1/admin/perms", {"username": "member"})
    other = await user(api, "admin")
    assert other is not None
    leaving = other.changed(is_active=False, cancelling=True).encode()
    users = api.controller.keyspace.users
    store.interrupts[users.key("member")] = (users.key("admin"), leaving)
    answer = await cancel(admin, "member")
    assert answer.line == "409 CONFLICT"
    present = await user(api, "member")
    assert present is not None
    assert present.is_active


async def test_a_newcomer_is_no_superuser_while_the_last_one_is_being_cancelled(
    api: Api, admin: Client, member: Client
) -> None:
    users = Shelf(api.store, api.controller.keyspace.users)
    await users.update(lambda one: one.changed(is_active=False, cancelling=True), "admin")
    async with asyncio.TaskGroup() as group:
        account = {"username": "newcomer", "password": "opensesame"}
        registering = group.create_task(member("POST", "/v1/auth/register/", account))
        await eventually(lambda: user(api, "newcomer"))
        await users.update(lambda one: one.changed(is_active=True, cancelling=False), "admin")
    answer = registering.result()
    assert (answer.status, answer.json["is_superuser"]) == (201, False)
