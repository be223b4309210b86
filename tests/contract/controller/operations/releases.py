"""Asks for each operation of releases."""

from __future__ import annotations

import asyncio

from libs.keyspace.records import Rollout
from tests.support.api import Api
from tests.support.contract import Checked
from tests.support.waiting import eventually

FOLLOWING = {"Accept": "application/x-ndjson"}
APP, AT = "/v1/apps/hello", "/v1/apps/{id}"


async def ask(call: Checked) -> None:
    await call("POST", f"{APP}/config", f"{AT}/config", {"values": {"A": 1}, "cpu": {"cmd": 2}}, status=201)
    build = await call("POST", f"{APP}/builds", f"{AT}/builds", {"image": "a", "procfile": {"web": "x"}}, status=201)
    await call("POST", f"{APP}/builds", f"{AT}/builds", {"image": "bad"}, status=503)
    await call("POST", f"{APP}/config", f"{AT}/config", {"values": {"A": None}}, status=201)
    await call("GET", f"{APP}/config", f"{AT}/config", status=200)
    await call("GET", f"{APP}/builds", f"{AT}/builds", status=200)
    await call("GET", f"{APP}/builds/{build.json['uuid']}", f"{AT}/builds/{{uuid}}", status=200)
    probe = {"httpGet": {"path": "/up", "httpHeaders": [{"name": "a", "value": "b"}]}, "periodSeconds": 2}
    alive = {"exec": {"command": ["test", "-f", "/alive"]}}
    probes = {"healthcheck": {"web": {"readinessProbe": probe}, "worker": {"livenessProbe": alive}}}
    await call("POST", f"{APP}/healthchecks", f"{AT}/healthchecks", probes, status=201)
    await call("POST", f"{APP}/healthchecks", f"{AT}/healthchecks", {"healthcheck": {"web": 1}}, status=400)
    await call("GET", f"{APP}/healthchecks", f"{AT}/healthchecks", status=200)
    await call("GET", f"{APP}/releases", f"{AT}/releases", status=200)
    await call("GET", f"{APP}/releases/v1", f"{AT}/releases/{{version}}", status=200)
    await call("GET", f"{APP}/releases/v3", f"{AT}/releases/{{version}}", status=200)
    await call("POST", f"{APP}/releases/rollback", f"{AT}/releases/rollback", {"version": 3}, status=201)
    await call("POST", f"{APP}/releases/cancel", f"{AT}/releases/cancel", status=409)
    for path, body in {
        "config": {},
        "builds": {"image": "a", "procfile": {"web": "x"}},
        "builds?logs=false": {"image": "bad"},
    }.items():
        await call("POST", f"{APP}/{path}", f"{AT}/{path.partition('?')[0]}", body, status=200, headers=FOLLOWING)
    await call("GET", f"{APP}/releases/v3", f"{AT}/releases/{{version}}", status=200, headers=FOLLOWING)


async def ask_to_cancel(call: Checked, api: Api, cancel: str, template: str) -> None:
    async with asyncio.TaskGroup() as group:
        deploy = group.create_task(call("POST", f"{APP}/builds", f"{AT}/builds", {"image": "slow"}, status=409))
        await eventually(lambda: under_way(api))
        await call("GET", APP, AT, status=200)
        await call("POST", f"{APP}/releases{cancel}", f"{AT}/releases{template}", status=200)
    assert "cancelled by admin" in deploy.result().json["detail"]


def under_way(api: Api) -> Rollout | None:
    app = api.controller.picture.apps.mirror.get("hello")
    assert app is not None
    rollout = api.controller.picture.rollouts.mirror.get(app.uuid, app.release)
    return rollout if rollout is not None and not rollout.settled else None
