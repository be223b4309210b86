"""Ending a rollout by a user's word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from libs.keyspace.document import now
from libs.keyspace.records import App, Instance, Rollout
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from tests.contract.controller.asking import config, config_is, versions
from tests.support.api import Answer, Api, Client, running_api
from tests.support.waiting import eventually


def stored_app(api: Api) -> App:
    app = api.controller.picture.apps.mirror.get("hello")
    assert app is not None
    return app


def rollout_of(api: Api, number: int) -> Rollout | None:
    return api.controller.picture.rollouts.mirror.get(stored_app(api).uuid, number)


class Deploy:
    """A deploy that is under way; its answer comes at the end."""

    answer: Answer


@asynccontextmanager
async def under_way(api: Api, client: Client, app: str, number: int, **body: Any) -> AsyncIterator[Deploy]:
    """Release `number`, of an image that does not come up, while the body runs; then it must be over."""
    api.deployer.slow.add("acme/slow:1")
    deploy = Deploy()
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(client("POST", f"{app}/builds", {"image": "acme/slow:1", **body}))
        await eventually(lambda: (found := rollout_of(api, number)) is not None and found.phase == "starting")
        yield deploy
    deploy.answer = asked.result()


@pytest.mark.parametrize("path", ["", "/v3"])
async def test_cancelling_goes_back_to_what_ran_and_tells_the_deploy(
    api: Api, admin: Client, built: str, path: str
) -> None:
    async with under_way(api, admin, built, 3) as deploy:
        answer = await admin("POST", f"{built}/releases{path}/cancel")
    assert (answer.line, answer.json) == ("200 OK", {"version": 3, "back_to": 2, "runs": True})
    assert deploy.answer.line == "409 CONFLICT"
    assert deploy.answer.json == {"detail": "v3 was cancelled by admin; v2 runs"}
    listed = (await admin("GET", f"{built}/releases")).json["results"]
    told = [(one["version"], one["state"], one["reason"]) for one in listed]
    assert told == [(3, "cancelled", "cancelled by admin"), (2, "current", ""), (1, "", "")]
    wanted = stored_app(api)
    assert wanted.cancelled is not None
    assert (wanted.release, wanted.latest, wanted.cancelled.by) == (2, 3, "admin")
    assert [one["state"] for one in (await admin("GET", f"{built}/containers")).json["results"]] == ["up"]


async def test_the_api_itself_tells_no_event_of_it(api: Api, admin: Client, built: str) -> None:
    async with under_way(api, admin, built, 3):
        await admin("POST", f"{built}/releases/cancel")
    kinds = [one["kind"] for one in (await admin("GET", f"{built}/events")).json["results"]]
    assert kinds == ["released", "released", "created"]  # the deployer's word is `cancelled`


async def test_a_first_deploy_that_is_cancelled_leaves_an_app_that_runs_nothing(
    api: Api, admin: Client, app: str
) -> None:
    await config(admin, app, A="1")
    async with under_way(api, admin, app, 3) as deploy:
        answer = await admin("POST", f"{app}/releases/cancel")
    assert answer.json == {"version": 3, "back_to": 2, "runs": False}
    assert deploy.answer.json == {"detail": "v3 was cancelled by admin; nothing runs"}
    assert (await admin("GET", f"{app}/config")).json["values"] == {"A": "1"}
    assert (await admin("GET", f"{app}/containers")).json["results"] == []
    assert (await admin("GET", app)).json["rollout"] is None


async def test_the_config_of_a_cancelled_release_is_not_the_base_of_the_next(
    api: Api, admin: Client, built: str
) -> None:
    await config(admin, built, A="1")
    api.deployer.slow.add("acme/hello:1")
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(config(admin, built, BAD="1"))
        await eventually(lambda: (found := rollout_of(api, 4)) is not None and found.phase == "starting")
        api.deployer.slow.clear()
        await admin("POST", f"{built}/releases/cancel")
    assert asked.result().status == 409
    assert await config_is(admin, built, {"A": "1"})
    assert (await config(admin, built, B="2")).json["values"] == {
        "A": "1",
        "B": "2",
        "DEIS_APP": "hello",
        "DEIS_RELEASE": "v5",
    }


async def test_going_back_passes_over_cancelled_releases(api: Api, admin: Client, built: str) -> None:
    await config(admin, built, A="1")
    async with under_way(api, admin, built, 4):
        await admin("POST", f"{built}/releases/cancel")
    await admin("POST", f"{built}/releases/rollback", {})
    assert (await versions(admin, built))[0] == (5, "admin rolled back to v2")


async def test_a_deploy_that_no_deployer_has_begun_is_cancelled_at_once(api: Api, admin: Client, app: str) -> None:
    api.deployer.holding = True
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(admin("POST", f"{app}/builds", {"image": "a"}))
        await eventually(lambda: stored_app(api).release == 2)
        answer = await admin("POST", f"{app}/releases/cancel")
    assert answer.json == {"version": 2, "back_to": 1, "runs": False}
    assert asked.result().json == {"detail": "v2 was cancelled by admin; nothing runs"}
    listed = (await admin("GET", f"{app}/releases")).json["results"]
    assert [one["state"] for one in listed] == ["cancelled", "current"]
    event = (await admin("GET", f"{app}/events")).json["results"][0]
    assert (event["kind"], event["message"]) == ("cancelled", "v2 was cancelled by admin before it was begun")


async def test_a_change_under_a_cancelled_one_is_told_what_runs(api: Api, admin: Client, built: str) -> None:
    api.deployer.slow.update({"acme/hello:1", "acme/slow:1"})
    async with asyncio.TaskGroup() as group:
        first = group.create_task(config(admin, built, A="1"))
        await eventually(lambda: rollout_of(api, 3))
        second = group.create_task(admin("POST", f"{built}/builds", {"image": "acme/slow:1"}))
        await eventually(lambda: rollout_of(api, 4))
        api.deployer.slow.clear()
        await admin("POST", f"{built}/releases/v4/cancel")
    assert (first.result().status, second.result().status) == (409, 409)
    assert first.result().json == {"detail": "v3 was superseded by v4, which was cancelled by admin; v2 runs"}
    assert second.result().json == {"detail": "v4 was cancelled by admin; v2 runs"}


async def test_a_scale_during_a_cancelled_rollout_is_kept(api: Api, admin: Client, built: str) -> None:
    async with under_way(api, admin, built, 3), asyncio.TaskGroup() as group:
        scale = group.create_task(admin("POST", f"{built}/scale", {"cmd": 2}))
        await eventually(lambda: stored_app(api).formation == {"cmd": 2})
        await admin("POST", f"{built}/releases/cancel")
    assert scale.result().status == 204
    assert len((await admin("GET", f"{built}/containers")).json["results"]) == 2


async def test_a_type_that_ran_before_is_not_lost_on_the_way_back(api: Api, admin: Client, app: str) -> None:
    await admin("POST", f"{app}/builds", {"image": "a", "procfile": {"web": "x", "worker": "y"}})
    await admin("POST", f"{app}/scale", {"cmd": 0, "web": 1, "worker": 2})
    async with under_way(api, admin, app, 3, procfile={"web": "x"}):
        apps = Shelf(api.store, api.controller.keyspace.apps)
        fitted = await apps.update(lambda present: present.changed(formation={"web": 1}), "hello")
        assert fitted is not None
        await api.controller.picture.apps.reach(fitted.revision)
        await admin("POST", f"{app}/releases/cancel")
    assert stored_app(api).formation == {"web": 1, "worker": 2}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "v3 is out already, so there is nothing to cancel; to leave it, roll back to another release"),
        ("/v3", "v3 is out already, so there is nothing to cancel; to leave it, roll back to another release"),
        ("/v2", "v2 was out before v3, so there is nothing to cancel"),
        ("/v1", "v1 is not under way: v3 is wanted"),
    ],
)
async def test_what_is_out_cannot_be_cancelled(admin: Client, built: str, path: str, said: str) -> None:
    await config(admin, built, A="1")
    answer = await admin("POST", f"{built}/releases{path}/cancel")
    assert (answer.line, answer.json) == ("409 CONFLICT", {"detail": said})


async def test_a_change_of_scale_of_what_is_out_cannot_be_cancelled(api: Api, admin: Client, built: str) -> None:
    app = stored_app(api)
    rollouts = Shelf(api.store, api.controller.keyspace.rollouts)
    changed = await rollouts.update(lambda one: one.changed(phase="starting", succeeded=now()), app.uuid, 2)
    assert changed is not None
    answer = await admin("POST", f"{built}/releases/cancel")
    assert answer.line == "409 CONFLICT"
    assert answer.json["detail"].startswith("v2 is out already")


async def test_an_app_without_a_build_has_nothing_to_cancel(admin: Client, app: str) -> None:
    answer = await admin("POST", f"{app}/releases/cancel")
    said = "Nothing is under way: v1 has no build, so nothing of it runs"
    assert (answer.line, answer.json) == ("409 CONFLICT", {"detail": said})


async def test_what_came_to_an_end_already_cannot_be_cancelled(api: Api, admin: Client, built: str) -> None:
    api.deployer.failing["acme/bad:1"] = "it does not start"
    await admin("POST", f"{built}/builds", {"image": "acme/bad:1"})
    await eventually(lambda: stored_app(api).release == 2)
    async with under_way(api, admin, built, 4):
        answer = await admin("POST", f"{built}/releases/v3/cancel")
        assert answer.json == {"detail": "v3 failed already: it does not start"}
        await admin("POST", f"{built}/releases/cancel")
    answer = await admin("POST", f"{built}/releases/v4/cancel")
    assert answer.json == {"detail": "v4 was cancelled already"}
    assert stored_app(api).release == 2


@pytest.mark.parametrize("version", ["v99", "v0", "v" + "9" * 40])
async def test_a_release_that_there_is_not_cannot_be_cancelled(admin: Client, built: str, version: str) -> None:
    assert (await admin("POST", f"{built}/releases/{version}/cancel")).line == "404 NOT FOUND"


async def test_only_who_may_deploy_may_cancel(api: Api, admin: Client, built: str) -> None:
    stranger = await api.client.joined("stranger")
    async with under_way(api, admin, built, 3):
        for path in ("cancel", "v3/cancel"):
            assert (await api.client("POST", f"{built}/releases/{path}")).line == "401 UNAUTHORIZED"
            assert (await stranger("POST", f"{built}/releases/{path}")).line == "403 FORBIDDEN"
        assert stored_app(api).release == 3
        await admin("POST", f"{built}/releases/cancel")


async def test_of_many_who_cancel_one_does(api: Api, admin: Client, built: str) -> None:
    async with under_way(api, admin, built, 3), asyncio.TaskGroup() as group:
        tasks = [group.create_task(admin("POST", f"{built}/releases/v3/cancel")) for _ in range(5)]
    statuses = sorted(task.result().status for task in tasks)
    assert statuses == [200, 409, 409, 409, 409]


async def test_a_former_release_that_fails_is_told(api: Api, admin: Client, built: str) -> None:
    async with under_way(api, admin, built, 3):
        api.deployer.failing["acme/hello:1"] = "the node is full"
        answer = await admin("POST", f"{built}/releases/cancel")
    assert answer.line == "503 SERVICE UNAVAILABLE"
    said = "v3 was cancelled, but v2 does not run: the node is full\nTraceback: boom"
    assert answer.json == {"detail": said}


async def test_a_cancel_that_takes_too_long_goes_on(tmp_path: Path) -> None:
    async with running_api(MemoryStore(), tmp_path, controller_wait_seconds=0.2) as api:
        admin = await api.client.joined("admin")
        await admin("POST", "/v1/apps", {"id": "hello"})
        await admin("POST", "/v1/apps/hello/builds", {"image": "a"})
        async with under_way(api, admin, "/v1/apps/hello", 3):
            api.deployer.holding = True
            answer = await admin("POST", "/v1/apps/hello/releases/cancel")
        assert answer.line == "503 SERVICE UNAVAILABLE"
        said = "v3 is cancelled; v2 does not run as wanted after 0.2 seconds and goes on"
        assert answer.json == {"detail": said}
        assert stored_app(api).release == 2


async def test_a_controller_that_ends_tells_who_cancels(api: Api, admin: Client, built: str) -> None:
    async with under_way(api, admin, built, 3), asyncio.TaskGroup() as group:
        api.deployer.holding = True
        cancelling = group.create_task(admin("POST", f"{built}/releases/cancel"))
        await eventually(lambda: stored_app(api).release == 2)
        api.controller.settling.stop()
    assert cancelling.result().line == "503 SERVICE UNAVAILABLE"
    assert cancelling.result().json == {"detail": "The controller restarts; cancelling v3 of hello goes on."}


async def test_the_fallback_that_the_deployer_kept_is_where_it_goes(api: Api, admin: Client, built: str) -> None:
    await config(admin, built, A="1")
    async with under_way(api, admin, built, 4):
        rollouts = Shelf(api.store, api.controller.keyspace.rollouts)
        await rollouts.update(lambda one: one.changed(fallback=2), stored_app(api).uuid, 4)
        answer = await admin("POST", f"{built}/releases/cancel")
    assert answer.json == {"version": 4, "back_to": 2, "runs": True}


async def test_instances_of_the_former_release_are_counted_once_each(api: Api, admin: Client, built: str) -> None:
    app = stored_app(api)
    old = Instance(
        id="x",
        name="x",
        node="n1",
        app="hello",
        app_uuid=app.uuid,
        type="worker",
        number=1,
        release=2,
        state="running",
        started=now() - timedelta(hours=1),
    )
    instances = Shelf(api.store, api.controller.keyspace.instances)
    for id_ in ("x", "y"):
        await instances.put(old.changed(id=id_), "n1", "hello", id_)
    await eventually(lambda: len(api.controller.picture.instances_of(app.uuid)) == 3)
    async with under_way(api, admin, built, 3):
        await admin("POST", f"{built}/releases/cancel")
    assert stored_app(api).formation == {"cmd": 1, "worker": 1}
