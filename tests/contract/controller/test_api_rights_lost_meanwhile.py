"""Rights that were lost while a request's body was on its way: they are looked at when all of it is there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.support.api import Answer, Api, Client
from tests.support.waiting import eventually

Send = Callable[[Client, str, Any], Awaitable[Callable[[], Awaitable[Answer]]]]


@pytest.fixture
async def begun(api: Api) -> AsyncIterator[Send]:
    """Begins a POST whose body lacks its end, once the API knows who sends it; what it returns ends it."""
    known: list[object] = []
    accounts = api.controller.accounts
    authenticated = accounts.authenticated

    async def told(header: str | None) -> object:
        user = await authenticated(header)
        known.append(user)
        return user

    accounts.authenticated = told  # type: ignore[method-assign,assignment]
    async with asyncio.TaskGroup() as group:

        async def begin(client: Client, path: str, body: Any) -> Callable[[], Awaitable[Answer]]:
            text, rest = json.dumps(body).encode(), asyncio.Event()

            async def pieces() -> AsyncIterator[bytes]:
                yield text[:1]
                await rest.wait()
                yield text[1:]

            before = len(known)
            headers = {"Content-Type": "application/json"}
            asking = group.create_task(client("POST", path, data=pieces(), headers=headers))
            await eventually(lambda: len(known) > before)

            async def end() -> Answer:
                rest.set()
                return await asking

            return end

        yield begin


async def test_who_is_a_superuser_no_more_makes_nobody_one(admin: Client, begun: Send) -> None:
    other = await admin.joined("other")
    assert (await admin("POST", "/v1/admin/perms", {"username": "other"})).status == 201
    end = await begun(other, "/v1/admin/perms", {"username": "other"})
    assert (await admin("DELETE", "/v1/admin/perms/other")).status == 204
    assert (await end()).status == 403
    assert (await other("GET", "/v1/users")).status == 403


async def test_a_token_that_was_revoked_does_nothing_more(admin: Client, app: str, begun: Send) -> None:
    end = await begun(admin, f"{app}/config", {"values": {"A": "b"}})
    revoked = await admin("DELETE", "/v1/auth/tokens/current")
    assert revoked.status == 204
    assert (await end()).status == 401


async def test_a_collaborator_who_was_sent_away_changes_nothing(admin: Client, app: str, begun: Send) -> None:
    friend = await admin.joined("friend")
    assert (await admin("POST", f"{app}/perms", {"username": "friend"})).status == 201
    end = await begun(friend, f"{app}/config", {"values": {"A": "b"}})
    assert (await admin("DELETE", f"{app}/perms/friend")).status == 204
    assert (await end()).status == 403
    assert (await admin("GET", f"{app}/config")).json["values"] == {}


@pytest.mark.parametrize("body", [{}, {"name": "ci"}])
async def test_a_later_account_of_the_name_is_not_the_earlier_ones(
    api: Api, admin: Client, begun: Send, body: Any
) -> None:
    member = await admin.joined("member")
    end = await begun(member, "/v1/auth/tokens/", body)
    assert (await admin("DELETE", "/v1/auth/cancel", {"username": "member"})).status == 204
    later = await admin.joined("member")
    assert (await end()).status == 401
    assert len((await later("GET", "/v1/auth/tokens")).json["results"]) == 1
