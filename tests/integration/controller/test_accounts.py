"""Accounts through two controllers on a real etcd."""

from __future__ import annotations

import asyncio
from functools import partial

from libs.store.shelf import Shelf
from tests.support.api import Answer, Api, Client
from tests.support.waiting import eventually


async def status(client: Client) -> int:
    return (await client("GET", "/v1/auth/whoami")).status


async def test_of_many_first_users_one_is_a_superuser(apis: tuple[Api, Api]) -> None:
    async def register(number: int) -> Answer:
        account = {"username": f"user{number}", "password": "pw"}
        return await apis[number % 2].client("POST", "/v1/auth/register/", account)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(register(number)) for number in range(10)]
    assert [task.result().status for task in tasks] == [201] * 10
    users = await Shelf(apis[0].store, apis[0].controller.keyspace.users).list()
    assert sum(stored.document.is_superuser for stored in users) == 1


async def test_a_tokens_name_is_one_tokens(apis: tuple[Api, Api]) -> None:
    one, two = apis
    member = await one.client.joined("member")
    clients = [member, two.client.with_token(member.token)]

    async def make(number: int) -> Answer:
        return await clients[number % 2]("POST", "/v1/auth/tokens/", {"name": "ci"})

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(make(number)) for number in range(8)]
    made = [task.result() for task in tasks if task.result().status == 201]
    assert len(made) == 1
    assert await status(two.client.with_token(made[0].json["token"])) == 200


async def test_a_cancelled_account_comes_back_with_nothing(apis: tuple[Api, Api]) -> None:
    one, two = apis
    admin = await one.client.joined("admin")
    await admin("POST", "/v1/apps", {"id": "hello"})
    boss = two.client.with_token(admin.token)
    for _ in range(3):
        member = await one.client.joined("member")
        assert (await boss("POST", "/v1/apps/hello/perms", {"username": "member"})).status == 201
        assert (await boss("DELETE", "/v1/auth/cancel/", {"username": "member"})).status == 204
        later = await two.client.joined("member")
        assert await status(later) == 200
        assert (await later("GET", "/v1/apps")).json["count"] == 0
        assert await status(two.client.with_token(member.token)) == 401
        assert (await boss("DELETE", "/v1/auth/cancel/", {"username": "member"})).status == 204


async def test_an_ended_token_ends_everywhere(apis: tuple[Api, Api]) -> None:
    one, two = apis
    member = await one.client.joined("member")
    there = two.client.with_token(member.token)
    assert await status(there) == 200
    await member("POST", "/v1/auth/tokens/", {})

    async def refused() -> bool:
        return await status(there) == 401

    await eventually(refused)


async def test_superusers_who_take_the_right_from_each_other_leave_one(apis: tuple[Api, Api]) -> None:
    one, two = apis
    clients = {"ann": await one.client.joined("ann"), "bob": await two.client.joined("bob")}
    users = Shelf(one.store, one.controller.keyspace.users)

    async def superusers() -> list[str]:
        return [stored.document.username for stored in await users.list() if stored.document.is_superuser]

    for _ in range(5):
        keeper = (await superusers())[0]
        for name in clients:
            answer = await clients[keeper]("POST", "/v1/admin/perms", {"username": name})
            assert answer.status == 201
        await eventually(lambda: superuser(one, "ann") and superuser(two, "bob"))
        async with asyncio.TaskGroup() as group:
            group.create_task(clients["ann"]("DELETE", "/v1/admin/perms/bob"))
            group.create_task(clients["bob"]("DELETE", "/v1/admin/perms/ann"))
        keeper = (await superusers())[0]
        await eventually(partial(superuser, one if keeper == "ann" else two, keeper))


def superuser(api: Api, username: str) -> bool:
    """As this controller sees it."""
    user = api.controller.picture.users.mirror.get(username)
    return user is not None and user.is_superuser
