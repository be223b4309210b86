"""Logging in with the directory's password, through the API, on a real LDAP server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from services.controller.directory_logins import AT_ONCE
from services.controller.throttle import OF_ACCOUNT
from tests.support.api import Answer, Api, Client, running_api
from tests.support.ports import free_port
from tests.support.slapd import PEOPLE, SEARCHER, SEARCHERS_PASSWORD, Slapd, running_slapd
from tests.support.waiting import eventually

SETTINGS = "/v1/admin/settings"
RIGHT = "ann's (pass)*word\\"
BAD = {"non_field_errors": ["Unable to log in with provided credentials."]}
BURST = OF_ACCOUNT[0]


@pytest.fixture
async def slapd(tmp_path: Path) -> AsyncIterator[Slapd]:
    async with running_slapd(tmp_path / "slapd") as running:
        yield running


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """An API that has no directory yet."""
    async with running_api(MemoryStore(), tmp_path / "home") as running:
        yield running


@pytest.fixture
async def admin(api: Api, slapd: Slapd) -> Client:
    """The administrator, who has configured the directory."""
    admin = await api.client.joined("admin")
    chosen = {
        "ldap_endpoint": slapd.encrypted,
        "ldap_bind_dn": SEARCHER,
        "ldap_bind_password": SEARCHERS_PASSWORD,
        "ldap_user_basedn": PEOPLE,
        "ldap_ca": slapd.ca,
    }
    assert (await admin("POST", SETTINGS, {"settings": chosen})).status == 201
    return admin


async def login(api: Api, username: str, password: str) -> Answer:
    return await api.client("POST", "/v1/auth/login/", {"username": username, "password": password})


async def whoami(api: Api, answer: Answer) -> dict[str, object]:
    assert answer.status == 200, answer.text
    found = (await api.client.with_token(answer.json["token"])("GET", "/v1/auth/whoami")).json
    assert isinstance(found, dict)
    return found


async def usernames(admin: Client) -> list[str]:
    return [one["username"] for one in (await admin("GET", "/v1/users")).json["results"]]


async def move(admin: Client, endpoint: str) -> None:
    chosen = {"ldap_endpoint": endpoint, "ldap_bind_password": SEARCHERS_PASSWORD}
    assert (await admin("POST", SETTINGS, {"settings": chosen})).status == 201


async def test_who_the_directory_knows_gets_an_account(api: Api, admin: Client) -> None:
    await admin("POST", SETTINGS, {"settings": {"registration_mode": "disabled"}})
    user = await whoami(api, await login(api, "ann", RIGHT))
    assert (user["username"], user["first_name"], user["last_name"], user["email"]) == (
        "ann",
        "Ann",
        "Example",
        "ann@example.org",
    )
    assert (user["is_superuser"], user["is_staff"], user["is_active"]) == (False, False, True)
    assert user["last_login"] != user["date_joined"]
    assert await whoami(api, await login(api, "ANN", RIGHT)) | {"last_login": ""} == user | {"last_login": ""}
    assert (await whoami(api, await login(api, "zoe", "Zoë")))["email"] == "", "what is no address is left out"
    assert await usernames(admin) == ["admin", "ann", "zoe"]


async def test_the_names_follow_the_directory(api: Api, admin: Client) -> None:
    await login(api, "ann", RIGHT)
    users = Shelf(api.store, api.controller.keyspace.users)
    await users.update(lambda user: user.changed(first_name="Other", email=""), "ann")
    assert (await whoami(api, await login(api, "ann", RIGHT)))["first_name"] == "Ann"


async def test_nobody_else_gets_one(api: Api, admin: Client) -> None:
    for username, password in [("ann", "wrong"), ("twin", "same"), ("*", RIGHT), ("ann)(uid=*", RIGHT), ("ghost", "x")]:
        answer = await login(api, username, password)
        assert (answer.status, answer.json) == (400, BAD)
    assert (await login(api, "ann", "")).status == 400
    assert (await login(api, "ann", "!directory")).status == 400
    assert await usernames(admin) == ["admin"]


async def test_a_local_account_is_not_taken_over_by_its_name(api: Api, admin: Client) -> None:
    for name in ("admin", "ADMIN"):
        assert (await login(api, name, "directory's")).json == BAD
    assert (await whoami(api, await login(api, "admin", "opensesame")))["is_superuser"] is True
    assert await usernames(admin) == ["admin"]


async def test_the_directory_makes_nobody_a_superuser(api: Api, admin: Client) -> None:
    users = Shelf(api.store, api.controller.keyspace.users)
    stored = await users.update(lambda user: user.changed(is_superuser=False), "admin")
    assert stored is not None
    await api.controller.picture.users.reach(stored.revision)
    assert (await whoami(api, await login(api, "ann", RIGHT)))["is_superuser"] is False
    assert not any(one.document.is_superuser for one in await users.list())


async def test_an_inactive_account_stays_out(api: Api, admin: Client) -> None:
    await login(api, "ann", RIGHT)
    users = Shelf(api.store, api.controller.keyspace.users)
    await users.update(lambda user: user.changed(is_active=False, email=""), "ann")
    answer = await login(api, "ann", RIGHT)
    assert (answer.status, answer.json) == (400, {"non_field_errors": ["User account is disabled."]})
    stored = await users.get("ann")
    assert stored is not None
    assert stored.document.email == ""


async def test_failures_are_counted_once_each(api: Api, admin: Client) -> None:
    """Whichever way the name is written: the directory sees no difference."""
    answers = [(await login(api, name, "wrong")).status for name in ["ann", "ANN"] * BURST][: BURST + 1]
    assert answers == [400] * BURST + [429]
    assert (await login(api, "ann", RIGHT)).status == 429
    assert (await login(api, "zoe", "Zoë")).status == 200


async def test_of_wrong_ones_at_once_no_more_are_tried_than_one_after_another(api: Api, admin: Client) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(login(api, "ann", "wrong")) for _ in range(3 * BURST)]
    statuses = [task.result().status for task in tasks]
    assert BURST <= statuses.count(400) < BURST + AT_ONCE
    assert set(statuses) == {400, 429}


async def test_a_slow_directory_is_asked_by_a_few_at_once_and_holds_up_nobody_else(api: Api, admin: Client) -> None:
    connected, over = 0, asyncio.Event()

    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connected
        connected += 1
        await over.wait()
        writer.close()

    async with await asyncio.start_server(slow, "127.0.0.1", 0) as server, asyncio.TaskGroup() as group:
        await move(admin, f"ldap://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        tasks = [group.create_task(login(api, f"user{number}", "x")) for number in range(2 * AT_ONCE)]
        await eventually(lambda: connected == AT_ONCE)
        assert (await login(api, "admin", "opensesame")).status == 200
        assert connected == AT_ONCE
        assert not any(task.done() for task in tasks)
        over.set()
    assert [task.result().status for task in tasks] == [503] * 2 * AT_ONCE


async def test_a_right_password_clears_the_account(api: Api, admin: Client) -> None:
    for _ in range(2):
        assert [(await login(api, "ann", "wrong")).status for _ in range(BURST - 1)] == [400] * (BURST - 1)
        assert (await login(api, "ann", RIGHT)).status == 200


async def test_its_password_is_changed_elsewhere(api: Api, admin: Client) -> None:
    ann = api.client.with_token((await login(api, "ann", RIGHT)).json["token"])
    said = {"detail": "The password of ann is the directory's (LDAP); change it there."}
    own = await ann("POST", "/v1/auth/passwd/", {"password": RIGHT, "new_password": "mine"})
    assert (own.status, own.json) == (400, said)
    by_admin = await admin("POST", "/v1/auth/passwd/", {"username": "ann", "new_password": "mine"})
    assert (by_admin.status, by_admin.json) == (400, said)


async def test_without_a_directory_an_administrator_makes_the_account_a_local_one(
    api: Api, admin: Client, slapd: Slapd
) -> None:
    await login(api, "ann", RIGHT)
    await admin("POST", SETTINGS, {"settings": {"ldap_endpoint": None}})
    assert (await login(api, "ann", RIGHT)).json == BAD
    assert (await login(api, "ann", "!directory")).json == BAD
    assert (await admin("POST", "/v1/auth/passwd/", {"username": "ann", "new_password": "mine"})).status == 200
    assert (await login(api, "ann", "mine")).status == 200
    await move(admin, slapd.encrypted)
    assert (await login(api, "ann", RIGHT)).json == BAD
    assert (await login(api, "ann", "mine")).status == 200


async def test_while_it_is_away_local_passwords_work_and_it_is_logged_once(
    api: Api, admin: Client, slapd: Slapd
) -> None:
    await login(api, "ann", RIGHT)
    await move(admin, f"ldaps://localhost:{free_port()}")
    with capture_logs() as logged:
        for name in ["ann", "ghost"] * BURST:
            answer = await login(api, name, RIGHT)
            assert answer.status == 503
            assert "directory (LDAP) cannot be asked" in answer.json["detail"]
            assert "Retry-After" in answer.headers
        assert (await login(api, "admin", "opensesame")).status == 200
    assert [one["log_level"] for one in logged if one["event"] == "the directory cannot be asked"] == ["error"]
    assert not any(RIGHT in str(one) or SEARCHERS_PASSWORD in str(one) for one in logged)
    await move(admin, slapd.encrypted)
    assert (await login(api, "ann", RIGHT)).status == 200, "an outage is nobody's failure"


async def test_it_comes_back(tmp_path: Path, api: Api, admin: Client) -> None:
    port = free_port()
    await admin("POST", SETTINGS, {"settings": {"ldap_endpoint": None, "ldap_start_tls": "false"}})
    await move(admin, f"ldap://localhost:{port}")
    assert (await login(api, "ann", RIGHT)).status == 503
    with capture_logs() as logged:
        async with running_slapd(tmp_path / "later", port=port):
            assert (await login(api, "ann", RIGHT)).status == 200
            assert (await login(api, "ann", RIGHT)).status == 200
    assert [one["event"] for one in logged].count("the directory answers again") == 1
