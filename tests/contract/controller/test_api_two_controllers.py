"""Two controllers over one store: what one wrote the other honours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.store.drivers.memory import MemoryStore
from tests.support.api import Api, Client, running_api
from tests.support.waiting import eventually


@pytest.fixture
async def other(api: Api, store: MemoryStore, tmp_path: Path) -> AsyncIterator[Api]:
    """The second one."""
    async with running_api(store.fork(), tmp_path) as running:
        running.deployer.holding = True
        yield running


async def status(client: Client, path: str = "/v1/auth/whoami") -> int:
    return (await client("GET", path)).status


async def test_a_token_from_one_is_good_at_the_other_at_once(admin: Client, other: Api) -> None:
    for number in range(5):
        member = await admin.joined(f"member{number}")
        assert await status(other.client.with_token(member.token)) == 200


async def test_an_ended_token_ends_at_the_other(admin: Client, other: Api) -> None:
    member = await admin.joined("member")
    there = other.client.with_token(member.token)
    assert await status(there) == 200
    await member("DELETE", "/v1/auth/tokens/current")

    async def refused() -> bool:
        return await status(there) == 401

    await eventually(refused)


async def test_a_cancelled_account_ends_at_the_other_and_may_come_back_there(admin: Client, other: Api) -> None:
    member = await admin.joined("member")
    there = other.client.with_token(member.token)
    await member("DELETE", "/v1/auth/cancel/")

    async def refused() -> bool:
        return await status(there) == 401

    await eventually(refused)
    later = await other.client.joined("member")
    assert await status(admin.with_token(later.token)) == 200
    assert await status(admin.with_token(member.token)) == 401


async def test_a_new_password_is_the_password_at_both(admin: Client, other: Api) -> None:
    member = await admin.joined("member")
    change = {"password": "opensesame", "new_password": "changed"}
    assert (await member("POST", "/v1/auth/passwd/", change)).status == 200

    async def login(password: str) -> int:
        body = {"username": "member", "password": password}
        return (await other.client("POST", "/v1/auth/login/", body)).status

    assert [await login("opensesame"), await login("changed")] == [400, 200]


async def test_a_right_that_was_taken_away_is_gone_at_the_other(admin: Client, other: Api) -> None:
    member = await admin.joined("member")
    await admin("POST", "/v1/admin/perms", {"username": "member"})
    there = other.client.with_token(member.token)

    async def lists_users(expected: int) -> bool:
        return await status(there, "/v1/users") == expected

    await eventually(lambda: lists_users(200))
    await admin("DELETE", "/v1/admin/perms/member")
    await eventually(lambda: lists_users(403))


async def test_a_newcomer_is_let_in_and_given_apps_at_the_other(admin: Client, other: Api, app: str) -> None:
    """The other has a user in its store before its own mirror tells."""
    boss = other.client.with_token(admin.token)
    for number in range(5):
        await admin.joined(f"member{number}")
        assert (await boss("POST", f"{app}/perms", {"username": f"member{number}"})).status == 201
    await admin.joined("heir")
    assert (await boss("POST", app, {"owner": "heir"})).status == 200


async def test_a_registration_mode_holds_at_both(admin: Client, other: Api) -> None:
    await admin("POST", "/v1/admin/settings", {"settings": {"registration_mode": "disabled"}})

    async def refused() -> bool:
        answer = await other.client("POST", "/v1/auth/register/", {"username": "bob", "password": ""})
        return answer.status == 403

    await eventually(refused)
