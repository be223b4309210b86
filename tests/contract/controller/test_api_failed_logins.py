"""Failed logins: after too many there is a pause, for the account and for the address that they come from."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.controller.throttle import OF_ACCOUNT, OF_ADDRESS
from tests.support.api import Answer, Api, Client

BURST, PERIOD = OF_ACCOUNT
BAD = {"non_field_errors": ["Unable to log in with provided credentials."]}


async def login(client: Client, username: str, password: str = "wrong", address: str = "192.0.2.1") -> Answer:
    body = {"username": username, "password": password}
    return await client("POST", "/v1/auth/login/", body, headers={"X-Forwarded-For": address})


async def statuses(client: Client, times: int, username: str = "member", **more: Any) -> list[int]:
    return [(await login(client, username, **more)).status for _ in range(times)]


@pytest.fixture
async def member(api: Api, admin: Client) -> Client:
    return await api.client.joined("member")


async def test_too_many_wrong_passwords_are_a_pause_for_the_account(api: Api, member: Client) -> None:
    assert await statuses(api.client, BURST) == [400] * BURST
    answer = await login(api.client, "member", address="198.51.100.7")
    assert answer.line == "429 TOO MANY REQUESTS"
    waits = int(answer.headers["Retry-After"])
    assert 1 <= waits <= PERIOD
    assert answer.json == {"detail": f"Request was throttled. Expected available in {waits} seconds."}
    assert (await login(api.client, "member", "opensesame")).status == 429
    assert (await login(api.client, "admin", "opensesame")).status == 200
    assert (await member("GET", "/v1/auth/whoami")).status == 200


async def test_the_pause_ends(api: Api, member: Client) -> None:
    throttle = api.controller.accounts.throttle
    await statuses(api.client, BURST)
    now = throttle.clock() + PERIOD
    throttle.clock = lambda: now
    assert (await login(api.client, "member", "opensesame")).status == 200


async def test_a_name_that_is_nobodys_is_treated_as_any_other(api: Api, member: Client) -> None:
    somebody = [await login(api.client, "member") for _ in range(BURST + 1)]
    nobody = [await login(api.client, "ghost", address="192.0.2.9") for _ in range(BURST + 1)]
    assert [(one.status, one.json) for one in somebody[:-1]] == [(400, BAD)] * BURST
    assert [(one.status, one.json) for one in nobody[:-1]] == [(400, BAD)] * BURST
    assert somebody[-1].status == nobody[-1].status == 429


async def test_a_right_password_clears_the_account(api: Api, member: Client) -> None:
    assert await statuses(api.client, BURST - 1) == [400] * (BURST - 1)
    assert (await login(api.client, "member", "opensesame")).status == 200
    assert await statuses(api.client, BURST) == [400] * BURST


async def test_right_passwords_never_count(api: Api, member: Client) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(login(api.client, "member", "opensesame")) for _ in range(2 * BURST)]
    assert [task.result().status for task in tasks] == [200] * 2 * BURST


async def test_of_wrong_ones_at_once_no_more_are_tried_than_one_after_another(api: Api, member: Client) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(login(api.client, "member")) for _ in range(3 * BURST)]
    tried = [task.result().status for task in tasks].count(400)
    assert BURST <= tried <= BURST + 1  # two passwords are hashed at a time
    assert {task.result().status for task in tasks} == {400, 429}


async def test_many_names_from_one_address_are_a_pause_for_the_address(api: Api, member: Client) -> None:
    most = OF_ADDRESS[0]
    assert [(await login(api.client, f"user{n}")).status for n in range(most)] == [400] * most
    assert (await login(api.client, "member", "opensesame")).status == 429
    assert (await login(api.client, "member", "opensesame", address="192.0.2.2")).status == 200


async def test_an_address_that_the_client_names_itself_does_not_help(api: Api, member: Client) -> None:
    """A router writes what it saw behind what the client sent."""
    most = OF_ADDRESS[0]
    for number in range(most):
        await login(api.client, f"user{number}", address=f"203.0.113.{number}, 192.0.2.1")
    assert (await login(api.client, "member", address="203.0.113.99, 192.0.2.1")).status == 429


async def test_guessing_the_present_password_counts_too(api: Api, member: Client) -> None:
    body = {"password": "guess", "new_password": "mine"}
    answers = [await member("POST", "/v1/auth/passwd/", body) for _ in range(BURST + 1)]
    assert [one.status for one in answers] == [400] * BURST + [429]
    assert "Retry-After" in answers[-1].headers
    assert (await login(api.client, "member", "opensesame")).status == 429
    right = await member("POST", "/v1/auth/passwd/", {"password": "opensesame", "new_password": "mine"})
    assert right.status == 429
