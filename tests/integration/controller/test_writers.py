"""Many writers of one app at once, on a real etcd."""

from __future__ import annotations

import asyncio
from random import Random

from libs.keyspace import Keyspace
from libs.store.shelf import Shelf
from tests.support.api import Api, Client
from tests.support.etcd import EtcdServer

WRITERS = 50


async def test_fifty_writers_at_once_lose_no_update(apis: tuple[Api, Api], prefix: str) -> None:
    one, two = apis
    admin = await one.client.joined("admin")
    assert (await admin("POST", "/v1/apps", {"id": "hello"})).status == 201
    clients = [admin, two.client.with_token(admin.token)]
    random = Random(7)
    conflicts = 0

    async def write(client: Client, number: int) -> None:
        nonlocal conflicts
        body = {"values": {f"K{number}": str(number)}}
        while (answer := await client("POST", "/v1/apps/hello/config", body)).status != 201:
            assert answer.line == "409 CONFLICT", answer
            assert answer.json["error"].startswith("Changes of hello are already in progress.")
            conflicts += 1
            await asyncio.sleep(random.uniform(0, 0.2))

    async with asyncio.TaskGroup() as group:
        for number in range(WRITERS):
            group.create_task(write(clients[number % 2], number))

    config = (await admin("GET", "/v1/apps/hello/config")).json["values"]
    assert config == {f"K{number}": str(number) for number in range(WRITERS)}
    keyspace = Keyspace(prefix)
    app = await Shelf(one.store, keyspace.apps).get("hello")
    assert app is not None
    releases = [stored.document for stored in await Shelf(one.store, keyspace.releases).list(app.document.uuid)]
    assert sorted(release.number for release in releases) == list(range(1, WRITERS + 2))
    assert (app.document.release, app.document.latest) == (WRITERS + 1, WRITERS + 1)
    assert conflicts > 0


async def test_writers_of_different_kinds_keep_each_others_changes(apis: tuple[Api, Api]) -> None:
    one, _ = apis
    admin = await one.client.joined("admin")
    await admin("POST", "/v1/apps", {"id": "hello"})
    procfile = {f"t{number}": "run" for number in range(10)}
    assert (await admin("POST", "/v1/apps/hello/builds", {"image": "a", "procfile": procfile})).status == 201

    async def until_done(path: str, body: object) -> None:
        while (answer := await admin("POST", f"/v1/apps/hello/{path}", body)).status not in {201, 204}:
            assert answer.status == 409, answer

    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(until_done("scale", {f"t{number}": number}))
            group.create_task(until_done("config", {"values": {f"K{number}": "1"}}))
    assert (await admin("GET", "/v1/apps/hello")).json["structure"] == {
        "cmd": 1,
        **{f"t{number}": number for number in range(10)},
    }
    assert len((await admin("GET", "/v1/apps/hello/config")).json["values"]) == 10


async def test_everything_is_read_again_from_the_store(apis: tuple[Api, Api], etcd: EtcdServer, prefix: str) -> None:
    one, two = apis
    admin = await one.client.joined("admin")
    await admin("POST", "/v1/apps", {"id": "hello"})
    await admin("POST", "/v1/apps/hello/config", {"values": {"SECRET": "correct horse"}})
    dump = etcd.ctl("get", "--prefix", prefix)
    assert "correct horse" not in dump
    assert admin.token not in dump
    assert "opensesame" not in dump
    assert "argon2id" in dump
    there = two.client.with_token(admin.token)
    assert (await there("GET", "/v1/apps/hello/config")).json["values"] == {"SECRET": "correct horse"}
