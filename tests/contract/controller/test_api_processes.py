"""Scaling, containers, restarts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from libs.keyspace.records import Retiring
from libs.store.shelf import Shelf
from tests.support.api import Api, Client
from tests.support.waiting import eventually

V1 = ["owner", "app", "release", "type", "num", "state", "created", "updated", "uuid"]
FIELDS = [*V1, "ready", "reason", "last_lines"]


async def names(client: Client, app: str, path: str = "") -> list[str]:
    listed = (await client("GET", f"{app}/containers{path}")).json["results"]
    return [f"{one['type']}.{one['num']} {one['state']} {one['release']}" for one in listed]


async def test_scaling_answers_when_all_run(admin: Client, built: str) -> None:
    answer = await admin("POST", f"{built}/scale", {"cmd": "3"})
    assert (answer.line, answer.text) == ("204 NO CONTENT", "")
    assert await names(admin, built) == ["cmd.1 up v2", "cmd.2 up v2", "cmd.3 up v2"]
    assert (await admin("GET", built)).json["structure"] == {"cmd": 3}


async def test_scaling_makes_no_release(admin: Client, built: str) -> None:
    await admin("POST", f"{built}/scale", {"cmd": 2})
    assert (await admin("GET", f"{built}/releases")).json["count"] == 2


async def test_types_that_are_not_named_stay(admin: Client, app: str) -> None:
    body = {"image": "a", "sha": "abc", "procfile": {"web": "x", "worker": "y"}}
    await admin("POST", f"{app}/builds", body)
    await admin("POST", f"{app}/scale", {"worker": 2})
    assert await names(admin, app) == ["web.1 up v2", "worker.1 up v2", "worker.2 up v2"]
    await admin("POST", f"{app}/scale", {"web": 0})
    assert await names(admin, app) == ["worker.1 up v2", "worker.2 up v2"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"nope": 1}, "Container type nope does not exist in application"),
        ({"cmd": -1}, "[u'Must be greater than or equal to zero']"),
        ({"cmd": "x"}, "Invalid scaling format: invalid literal for int() with base 10: 'x'"),
        ({"cmd": None}, "Invalid scaling format: invalid literal for int() with base 10: 'None'"),
        ({"cmd": {}}, "Invalid scaling format: invalid literal for int() with base 10: '{}'"),
        ({"cmd": 10**20}, f"Must be less than or equal to 1000 in all: cmd={10**20} would be {10**20}"),
    ],
)
async def test_a_bad_scale_is_refused_and_changes_nothing(
    admin: Client, built: str, body: dict[str, Any], detail: str
) -> None:
    answer = await admin("POST", f"{built}/scale", body)
    assert (answer.line, answer.json) == ("400 BAD REQUEST", {"detail": detail})
    assert (await admin("GET", built)).json["structure"] == {"cmd": 1}


async def test_the_types_of_an_app_share_one_limit(admin: Client, app: str) -> None:
    await admin("POST", f"{app}/builds", {"image": "a", "procfile": {"web": "x", "worker": "y"}})
    assert (await admin("POST", f"{app}/scale", {"web": 600})).status == 204
    answer = await admin("POST", f"{app}/scale", {"worker": 401})
    assert answer.line == "400 BAD REQUEST"
    assert answer.json["detail"].startswith("Must be less than or equal to 1000 in all: cmd=1, web=600, worker=401")


async def test_an_app_without_a_build_cannot_be_scaled(admin: Client, app: str) -> None:
    answer = await admin("POST", f"{app}/scale", {"cmd": 1})
    assert (answer.line, answer.json) == ("400 BAD REQUEST", {"detail": "No build associated with this release"})


async def test_types_that_the_latest_build_lacks_are_not_in_the_structure_and_can_be_scaled_to_nothing(
    admin: Client, app: str
) -> None:
    await admin("POST", f"{app}/builds", {"image": "a", "procfile": {"web": "x", "worker": "y"}})
    await admin("POST", f"{app}/scale", {"cmd": 0, "web": 3, "worker": 1})
    await admin("POST", f"{app}/builds", {"image": "b"})
    assert (await admin("GET", app)).json["structure"] == {"cmd": 1}
    assert await names(admin, app) == ["cmd.1 up v3"]
    refused = await admin("POST", f"{app}/scale", {"web": 1})
    assert refused.json == {"detail": "Container type web does not exist in application"}
    assert (await admin("POST", f"{app}/scale", {"cmd": 0})).status == 204
    assert await names(admin, app) == []
    assert (await admin("POST", f"{app}/scale", {"web": 0})).status == 400  # it was forgotten with the last scale


async def test_a_procfile_that_comes_back_brings_its_types_back(admin: Client, app: str) -> None:
    body = {"image": "a", "procfile": {"web": "x", "worker": "y"}}
    await admin("POST", f"{app}/builds", body)
    await admin("POST", f"{app}/scale", {"cmd": 0, "web": 2, "worker": 1})
    await admin("POST", f"{app}/builds", {"image": "b"})
    await admin("POST", f"{app}/builds", body)
    assert (await admin("GET", app)).json["structure"] == {"cmd": 0, "web": 2, "worker": 1}


async def test_a_type_that_the_build_lacks_can_be_scaled_to_nothing(admin: Client, app: str) -> None:
    await admin("POST", f"{app}/builds", {"image": "a", "procfile": {"web": "x", "worker": "y"}})
    await admin("POST", f"{app}/scale", {"cmd": 0, "web": 3, "worker": 1})
    await admin("POST", f"{app}/builds", {"image": "b"})
    assert (await admin("POST", f"{app}/scale", {"web": 0})).status == 204
    assert await names(admin, app) == ["cmd.1 up v3"]


async def test_an_empty_scale_changes_nothing(admin: Client, built: str) -> None:
    before = (await admin("GET", built)).json
    assert (await admin("POST", f"{built}/scale", {})).line == "204 NO CONTENT"
    assert (await admin("GET", built)).json == before


async def test_scales_of_several_types_at_once_are_all_kept(admin: Client, app: str) -> None:
    types = [f"t{number}" for number in range(8)]
    await admin("POST", f"{app}/builds", {"image": "a", "procfile": dict.fromkeys(types, "run")})
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(admin("POST", f"{app}/scale", {type_: 1})) for type_ in types]
    assert {task.result().status for task in tasks} == {204}
    assert (await admin("GET", app)).json["structure"] == {"cmd": 1, **dict.fromkeys(types, 1)}


async def test_a_container_looks_as_in_v1(admin: Client, built: str) -> None:
    one = (await admin("GET", f"{built}/containers")).json["results"][0]
    assert list(one) == FIELDS
    assert (one["release"], one["type"], one["num"], one["state"]) == ("v2", "cmd", 1, "up")
    assert (await admin("GET", f"{built}/containers/cmd/1")).json == one
    assert await names(admin, built, "/cmd") == ["cmd.1 up v2"]
    assert await names(admin, built, "/web") == []
    assert (await admin("GET", f"{built}/containers/cmd/9")).line == "404 NOT FOUND"


async def test_one_that_is_leaving_is_not_shown(api: Api, admin: Client, built: str) -> None:
    instances = api.controller.picture.instances.mirror.items("n1", "hello")
    ((parts, _),) = instances
    at = instances[0][1].started
    assert at is not None
    shelf = Shelf(api.store, api.controller.keyspace.retiring)
    await shelf.create(Retiring(reason="scaled", since=at, deadline=at), *parts)
    await eventually(lambda: api.controller.picture.retiring.mirror.get(*parts))
    assert await names(admin, built) == []


async def test_one_that_the_rollout_has_no_place_for_is_not_shown(api: Api, admin: Client, built: str) -> None:
    shelf = Shelf(api.store, api.controller.keyspace.instances)
    ((parts, instance),) = api.controller.picture.instances.mirror.items()
    stopped = instance.changed(id="old", state="exited", number=7)
    await shelf.create(stopped, *parts[:2], "old")
    await eventually(lambda: len(api.controller.picture.instances.mirror.items()) == 2)
    assert await names(admin, built) == ["cmd.1 up v2"]


@pytest.mark.parametrize(
    ("path", "restarted"),
    [("", ["cmd.1", "cmd.2"]), ("/cmd", ["cmd.1", "cmd.2"]), ("/cmd/2", ["cmd.2"]), ("/web", []), ("/cmd/9", [])],
)
async def test_a_restart_answers_with_what_it_restarted(
    admin: Client, built: str, path: str, restarted: list[str]
) -> None:
    await admin("POST", f"{built}/scale", {"cmd": 2})
    before = {one["num"]: one["uuid"] for one in (await admin("GET", f"{built}/containers")).json["results"]}
    answer = await admin("POST", f"{built}/containers{path}/restart")
    assert answer.line == "200 OK"
    assert [f"{one['type']}.{one['num']}" for one in answer.json] == restarted
    assert all(one["uuid"] != before[one["num"]] for one in answer.json)


async def test_a_failed_scale_says_why(api: Api, admin: Client, built: str) -> None:
    api.deployer.failing["acme/hello:1"] = "aborting, failed to create some containers"
    answer = await admin("POST", f"{built}/scale", {"cmd": 2})
    assert answer.line == "503 SERVICE UNAVAILABLE"
    assert answer.json["detail"].startswith("aborting, failed to create some containers")


async def test_events_tell_who_did_what(api: Api, admin: Client, built: str) -> None:
    await admin("POST", f"{built}/scale", {"cmd": 2})
    await admin("POST", f"{built}/containers/cmd/restart")
    await admin("POST", f"{built}/domains", {"domain": "example.org"})
    page = (await admin("GET", f"{built}/events")).json
    assert list(page["results"][0]) == ["id", "app", "kind", "by", "token", "message", "release", "created"]
    assert [(one["kind"], one["message"]) for one in page["results"]] == [
        ("domain added", "admin added the domain example.org"),
        ("restarted", "admin restarted cmd"),
        ("scaled", "admin scaled cmd=2"),
        ("released", "admin deployed acme/hello:1"),
        ("created", "admin created initial release"),
    ]
    assert [one["release"] for one in page["results"]] == [None, "v2", "v2", "v2", "v1"]
