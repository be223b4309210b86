"""Requests that wait for their rollout, and changes that a later one overtakes."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from libs.store.shelf import Shelf
from tests.contract.controller.asking import config, config_is
from tests.support.api import Answer, Api, Client
from tests.support.waiting import eventually


async def test_a_request_waits_for_its_rollout(api: Api, admin: Client, built: str) -> None:
    api.deployer.holding = True
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(config(admin, built, A="1"))
        await eventually(lambda: config_is(admin, built, {"A": "1"}))
        assert not waiting.done()
        api.deployer.holding = False
        api.deployer.look()
    assert waiting.result().status == 201


class Overtaken:
    """Two requests of which the second comes while the first one waits; then the deployer acts on the second."""

    def __init__(self, api: Api, client: Client, app: str) -> None:
        self.api, self.client, self.app = api, client, app

    async def by(self, first: tuple[str, dict[str, Any]], second: tuple[str, dict[str, Any]]) -> tuple[Answer, Answer]:
        """The answers to both."""
        self.api.deployer.holding = True
        async with asyncio.TaskGroup() as group:
            tasks = []
            for path, body in (first, second):
                before = await self.wanted()
                tasks.append(group.create_task(self.client("POST", f"{self.app}/{path}", body)))
                await eventually(partial(self.passed, before))
            self.api.deployer.holding = False
            self.api.deployer.look()
        return tasks[0].result(), tasks[1].result()

    async def wanted(self) -> int:
        stored = await Shelf(self.api.store, self.api.controller.keyspace.apps).get("hello")
        assert stored is not None
        return stored.document.release

    async def passed(self, before: int) -> bool:
        return await self.wanted() > before


@pytest.fixture
def overtaken(api: Api, admin: Client, built: str) -> Overtaken:
    return Overtaken(api, admin, built)


def setting(**values: str | None) -> tuple[str, dict[str, Any]]:
    return "config", {"values": values}


def bringing(image: str) -> tuple[str, dict[str, Any]]:
    return "builds", {"image": image}


async def test_a_config_that_a_later_one_carries_is_out_with_that_one(overtaken: Overtaken) -> None:
    first, second = await overtaken.by(setting(A="1"), setting(B="1"))
    assert [first.status, second.status] == [201, 201]
    assert first.json["values"]["DEIS_RELEASE"] == second.json["values"]["DEIS_RELEASE"] == "v4"
    assert first.headers["Deis-Release"] == "4"


async def test_a_config_that_a_later_build_carries_is_out_with_that_one(overtaken: Overtaken) -> None:
    first, second = await overtaken.by(setting(A="1"), bringing("acme/hello:2"))
    assert [first.status, second.status] == [201, 201]
    assert first.headers["Deis-Release"] == "4"


async def test_a_build_that_a_later_config_carries_is_out_with_that_one(overtaken: Overtaken) -> None:
    first, second = await overtaken.by(bringing("acme/hello:2"), setting(A="1"))
    assert [first.status, second.status] == [201, 201]
    assert first.headers["Deis-Release"] == "4"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (bringing("acme/hello:2"), bringing("acme/hello:3")),
        (setting(A="1"), setting(A="2")),
        (setting(A="1"), setting(A=None)),
        (setting(A="1"), ("releases/rollback", {"version": 2})),
        (bringing("acme/hello:2"), ("releases/rollback", {"version": 2})),
    ],
)
async def test_a_change_that_a_later_release_lacks_was_superseded(
    overtaken: Overtaken, first: tuple[str, dict[str, Any]], second: tuple[str, dict[str, Any]]
) -> None:
    answers = await overtaken.by(first, second)
    assert answers[1].status == 201
    assert answers[0].line == "409 CONFLICT"
    assert answers[0].json == {"detail": "v3 was superseded by v4 before it was deployed"}
    events = (await overtaken.client("GET", f"{overtaken.app}/events")).json["results"]
    assert [one["message"] for one in events if one["kind"] == "superseded"] == ["v3 was superseded by v4"]


async def test_a_change_whose_successor_fails_is_not_out(overtaken: Overtaken) -> None:
    overtaken.api.deployer.failing["acme/bad:1"] = "it does not start"
    first, second = await overtaken.by(setting(A="1"), bringing("acme/bad:1"))
    assert [first.line, second.line] == ["503 SERVICE UNAVAILABLE"] * 2
    assert first.json["detail"].startswith("it does not start")


async def test_a_scale_that_a_later_release_carries_is_out_with_that_one(overtaken: Overtaken) -> None:
    overtaken.api.deployer.holding = True
    apps = Shelf(overtaken.api.store, overtaken.api.controller.keyspace.apps)

    async def scaled() -> bool:
        stored = await apps.get("hello")
        return stored is not None and stored.document.formation == {"cmd": 2}

    async with asyncio.TaskGroup() as group:
        scale = group.create_task(overtaken.client("POST", f"{overtaken.app}/scale", {"cmd": 2}))
        await eventually(scaled)
        release = group.create_task(overtaken.client("POST", f"{overtaken.app}/builds", {"image": "acme/hello:2"}))
        await eventually(lambda: overtaken.passed(2))
        overtaken.api.deployer.holding = False
        overtaken.api.deployer.look()
    assert [scale.result().status, release.result().status] == [204, 201]
