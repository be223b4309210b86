"""Cancelling accounts: who may, and that a later account of the same name inherits nothing."""

from __future__ import annotations

import base64
import hashlib

import pytest

from libs.keyspace.document import now
from libs.keyspace.records import App, Cert, SshKey, User
from libs.store import StoreUnavailable
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from libs.store.store import ANY, Expected, Lease
from services.controller.tokens import hash_of
from tests.support.api import Answer, Api, Client
from tests.support.certificates import make_certificate
from tests.support.ssh import make_public_key

Patch = pytest.MonkeyPatch
CANCEL = "/v1/auth/cancel/"


def sha256_of(public: str) -> str:
    """Of the key's blob."""
    return hashlib.sha256(base64.b64decode(public.split()[1])).hexdigest()


class Stumbling(MemoryStore):
    """Lets somebody else write right after a write, and fails deletions below a prefix while it is told to."""

    broken = ""

    async def put(self, key: str, value: bytes, *, expect: Expected = ANY, lease: Lease | None = None) -> int:
        revision = await super().put(key, value, expect=expect, lease=lease)
        if (interrupt := self.interrupts.pop(key, None)) is not None:
            await super().put(*interrupt)
        return revision

    async def delete(self, key: str, *, expect: Expected = ANY) -> bool:
        if self.broken and key.startswith(self.broken):
            raise StoreUnavailable("away")
        return await super().delete(key, expect=expect)

    @property
    def interrupts(self) -> dict[str, tuple[str, bytes]]:
        """What somebody else writes right after a write of this key."""
        found: dict[str, tuple[str, bytes]] = self.__dict__.setdefault("_interrupts", {})
        return found


@pytest.fixture
async def store() -> MemoryStore:
    return Stumbling()


@pytest.fixture
async def member(admin: Client) -> Client:
    return await admin.joined("member")


async def cancel(client: Client, username: str | None = None) -> Answer:
    return await client("DELETE", CANCEL, None if username is None else {"username": username})


async def user(api: Api, username: str) -> User | None:
    stored = await Shelf(api.store, api.controller.keyspace.users).get(username)
    return stored.document if stored else None


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


async def test_an_account_that_an_operator_disabled_stays_disabled(api: Api, admin: Client, member: Client) -> None:
    await member("POST", "/v1/apps", {"id": "mine"})
    users = Shelf(api.store, api.controller.keyspace.users)
    await users.update(lambda found: found.changed(is_active=False), "member")
    assert (await cancel(admin, "member")).status == 409
    present = await user(api, "member")
    assert present is not None
    assert not present.is_active


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
