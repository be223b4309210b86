"""The course of a rollout: with one release, line by line, and what an app and its containers tell of it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs
from yarl import URL

from libs.keyspace.records import Alarm, App, Evidence, Health, InstanceEvidence, Rollout, RouterEvidence
from libs.store.shelf import Shelf
from services.controller import following
from tests.support.api import Api, Client
from tests.support.waiting import eventually

T0 = datetime(2030, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
FOLLOWING = {"Accept": "application/x-ndjson, application/json"}


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def stored_app(api: Api) -> App:
    app = api.controller.picture.apps.mirror.get("hello")
    assert app is not None
    return app


async def rewrite(api: Api, number: int, **fields: Any) -> None:
    """Change the rollout's record as the deployer would."""
    app = stored_app(api)
    rollouts = Shelf(api.store, api.controller.keyspace.rollouts)
    base = Rollout(app="hello", app_uuid=app.uuid, release=number, intent=1, epoch=1, since=T0)
    found = await rollouts.get(app.uuid, number)
    record = (found.document if found else base).changed(**fields)
    await api.controller.picture.rollouts.reach(await rollouts.put(record, app.uuid, number))


async def test_a_release_tells_the_whole_course(api: Api, admin: Client, built: str) -> None:
    came = InstanceEvidence(
        title="cmd.1",
        release=2,
        node="n1",
        planned=at(0),
        started=at(1),
        ready=at(2),
        routed=at(3),
        probes=4,
        took_seconds=0.002,
        probe="connection refused",
        routers={"r1": RouterEvidence(routed=at(3))},
    )
    left = InstanceEvidence(title="cmd.1", release=1, reason="replaced by v2", retired=at(4), in_flight=0, websockets=0)
    phases = (Evidence(phase="starting", began=at(0), ended=at(1.5), note="cmd.1 to start"),)
    lines = tuple(f"line {number}" for number in range(50))
    instances = {"b": left, "a": came}
    await rewrite(api, 2, evidence=phases, instances=instances, asked=at(0), in_place="no room", last_lines=lines)
    shown = (await admin("GET", f"{built}/releases/v2")).json
    assert {name: shown[name] for name in ("phase", "waiting", "in_place", "asked")} == {
        "phase": "done",
        "waiting": "",
        "in_place": "no room",
        "asked": "2030-01-02T03:04:05.000678Z",
    }
    assert shown["last_lines"] == list(lines)
    assert shown["evidence"] == [
        {"phase": "starting", "began": "2030-01-02T03:04:05.000678Z", "seconds": 1.5, "note": "cmd.1 to start"}
    ]
    first, second = shown["instances"]
    assert first == {
        "id": "a",
        "title": "cmd.1",
        "release": 2,
        "node": "n1",
        "planned": "2030-01-02T03:04:05.000678Z",
        "started": "2030-01-02T03:04:06.000678Z",
        "ready": "2030-01-02T03:04:07.000678Z",
        "routed": "2030-01-02T03:04:08.000678Z",
        "probes": 4,
        "took_seconds": 0.002,
        "probe": "connection refused",
        "routers": {"r1": {"routed": "2030-01-02T03:04:08.000678Z", "withdrawn": None, "gone": None}},
        "reason": "",
        "retired": None,
        "drained": None,
        "in_flight": None,
        "websockets": None,
        "stopped": None,
    }
    assert (second["id"], second["planned"], second["in_flight"]) == ("b", None, 0)
    listed = (await admin("GET", f"{built}/releases")).json["results"]
    assert all("evidence" not in one and "phase" not in one for one in listed)


async def test_a_release_without_a_rollout_tells_none(admin: Client, built: str) -> None:
    shown = (await admin("GET", f"{built}/releases/v1")).json
    assert (shown["phase"], shown["evidence"], shown["instances"], shown["asked"]) == (None, [], [], None)


async def test_a_failed_deploy_is_answered_with_its_last_fifty_lines(api: Api, admin: Client, built: str) -> None:
    api.deployer.slow.add("acme/bad:1")
    lines = tuple(f"line {number}" for number in range(60))
    async with asyncio.TaskGroup() as group:
        deploy = group.create_task(admin("POST", f"{built}/builds", {"image": "acme/bad:1"}))
        await eventually(lambda: api.controller.picture.rollouts.mirror.get(stored_app(api).uuid, 3))
        await rewrite(api, 3, phase="failed", reason="cmd.1 exited with code 1", last_lines=lines, fallback=2)
    assert deploy.result().line == "503 SERVICE UNAVAILABLE"
    assert deploy.result().json["detail"].split("\n") == ["cmd.1 exited with code 1; v2 goes on", *lines[10:]]


class Lines:
    """An answer that goes on."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def text(self) -> str:
        """The next line, or nothing at the end."""
        async with asyncio.timeout(30):
            return (await self.response.content.readline()).decode()

    async def next(self) -> Any:
        """The next line that is none to keep the connection."""
        while (line := await self.text()) == "\n":
            pass
        return json.loads(line) if line else None


@asynccontextmanager
async def followed(client: Client, path: str) -> AsyncIterator[Lines]:
    headers = {"Authorization": f"token {client.token}", **FOLLOWING}
    async with client._session.get(client.url + path, headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "application/x-ndjson"
        yield Lines(response)


@pytest.fixture
async def rolling(api: Api, admin: Client, built: str) -> AsyncIterator[str]:
    """The app with v3 on its way."""
    api.deployer.slow.add("acme/slow:1")
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(admin("POST", f"{built}/builds", {"image": "acme/slow:1"}))
        await eventually(lambda: api.controller.picture.rollouts.mirror.get(stored_app(api).uuid, 3))
        yield built
        asked.cancel()


async def test_a_rollout_is_followed_line_by_line_until_it_is_settled(api: Api, admin: Client, rolling: str) -> None:
    async with followed(admin, f"{rolling}/releases/v3") as lines:
        assert lines.response.headers["X-Request-Id"]
        assert lines.response.headers["DEIS_API_VERSION"] == "1.7"
        first = await lines.next()
        assert (first["phase"], first["state"], first["waiting"]) == ("starting", "rolling", "cmd.1 to pass its check")
        await rewrite(api, 3, phase="routing", waiting="router r1")
        assert (await lines.next())["phase"] == "routing"
        await rewrite(api, 3, phase="done", waiting="", succeeded=T0)
        last = await lines.next()
        assert (last["phase"], last["state"]) == ("done", "current")
        assert await lines.next() is None
    assert (await admin("GET", f"{rolling}/releases/v3")).json == last


async def test_what_is_settled_is_one_line(admin: Client, built: str) -> None:
    for version in ("v1", "v2"):
        async with followed(admin, f"{built}/releases/{version}") as lines:
            assert (await lines.next())["version"] == int(version[1:])
            assert await lines.next() is None


async def test_another_apps_changes_are_no_line(api: Api, admin: Client, rolling: str) -> None:
    async with followed(admin, f"{rolling}/releases/v3") as lines:
        await lines.next()
        await admin("POST", "/v1/apps", {"id": "other"})
        await admin("POST", "/v1/apps/other/builds", {"image": "a"})
        await rewrite(api, 3, phase="done")
        assert (await lines.next())["phase"] == "done"


async def test_a_quiet_rollout_sends_empty_lines(
    api: Api, admin: Client, rolling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "HEARTBEAT", 0.01)
    async with followed(admin, f"{rolling}/releases/v3") as lines:
        assert await lines.text() != "\n"
        assert await lines.text() == "\n"
        await rewrite(api, 3, phase="failed", reason="no")
        assert (await lines.next())["reason"] == "no"


async def test_following_ends_with_the_app(api: Api, admin: Client, rolling: str) -> None:
    async with followed(admin, f"{rolling}/releases/v3") as lines:
        assert await lines.next()
        assert (await admin("DELETE", rolling)).status == 204
        while await lines.next():
            pass


async def test_following_ends_with_the_controller(api: Api, admin: Client, rolling: str) -> None:
    async with followed(admin, f"{rolling}/releases/v3") as lines:
        assert await lines.next()
        api.controller.settling.stop()
        assert await lines.next() is None


async def test_a_reader_that_takes_nothing_is_cut_off(
    api: Api, admin: Client, rolling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "PATIENCE", 0.05)
    url = URL(admin.url)
    with socket.socket() as reader, capture_logs() as said:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect((url.host, url.port))
        token = f"Authorization: token {admin.token}\r\nAccept: application/x-ndjson\r\n"
        reader.sendall(f"GET {rolling}/releases/v3 HTTP/1.1\r\nHost: x\r\n{token}\r\n".encode())

        async def cut_off() -> bool:
            revision = api.controller.picture.rollouts.mirror.revision
            await rewrite(api, 3, last_lines=(str(revision), "x" * 1_000_000))
            return any(line["event"].startswith("cut off a reader") for line in said)

        await eventually(cut_off)
        assert (await admin("GET", f"{rolling}/releases/v3")).json["phase"] == "starting"


async def test_only_who_may_use_an_app_follows_it(api: Api, admin: Client, rolling: str) -> None:
    stranger = await api.client.joined("stranger")
    path = f"{rolling}/releases/v3"
    assert (await api.client("GET", path, headers=FOLLOWING)).line == "401 UNAUTHORIZED"
    assert (await stranger("GET", path, headers=FOLLOWING)).line == "403 FORBIDDEN"
    assert (await admin("GET", f"{rolling}/releases/v9", headers=FOLLOWING)).line == "404 NOT FOUND"
    assert (await admin("HEAD", path, headers=FOLLOWING)).line == "200 OK"


async def test_an_app_tells_what_is_under_way(api: Api, admin: Client, rolling: str) -> None:
    under_way = {"release": "v3", "phase": "starting", "waiting": "cmd.1 to pass its check"}
    assert (await admin("GET", rolling)).json["rollout"] == under_way
    assert [one["rollout"] for one in (await admin("GET", "/v1/apps")).json["results"]] == [under_way]
    await rewrite(api, 3, phase="done")
    assert (await admin("GET", rolling)).json["rollout"] is None


async def test_a_deploy_that_no_deployer_has_begun_is_under_way(api: Api, admin: Client, built: str) -> None:
    api.deployer.holding = True
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(admin("POST", f"{built}/builds", {"image": "b"}))
        await eventually(lambda: stored_app(api).release == 3)
        shown = (await admin("GET", built)).json["rollout"]
        assert shown == {"release": "v3", "phase": "preparing", "waiting": "the deployer to begin"}
        assert (await admin("GET", f"{built}/releases/v3")).json["phase"] == "preparing"
        asked.cancel()


async def test_an_app_and_its_containers_tell_what_is_wrong(api: Api, admin: Client, built: str) -> None:
    ((parts, instance),) = api.controller.picture.instances.mirror.items()
    alarms = {
        instance.id: Alarm(
            kind="crashed", about="cmd.1", since=at(1), message="exited with code 1", last_lines=("Traceback", "boom")
        ),
        "cmd": Alarm(kind="unready", about="cmd", since=at(0), message="no instance of cmd is ready"),
    }
    await rewrite(api, 2, alarms=alarms)
    assert (await admin("GET", built)).json["alarms"] == [
        {
            "kind": "unready",
            "about": "cmd",
            "since": "2030-01-02T03:04:05.000678Z",
            "message": "no instance of cmd is ready",
            "last_lines": [],
        },
        {
            "kind": "crashed",
            "about": "cmd.1",
            "since": "2030-01-02T03:04:06.000678Z",
            "message": "exited with code 1",
            "last_lines": ["Traceback", "boom"],
        },
    ]
    one = (await admin("GET", f"{built}/containers/cmd/1")).json
    assert (one["state"], one["ready"], one["reason"]) == ("crashed", None, "exited with code 1")
    assert one["last_lines"] == ["Traceback", "boom"]
    await rewrite(api, 2, alarms={})
    verdict = Health(started=True, ready=False, live=True, since=T0, run=instance.started, reason="GET / answered 500")
    await Shelf(api.store, api.controller.keyspace.health).put(verdict, *parts)
    await eventually(lambda: api.controller.picture.health.mirror.get(*parts))
    one = (await admin("GET", f"{built}/containers/cmd/1")).json
    told = {name: one[name] for name in ("state", "ready", "reason", "last_lines")}
    assert told == {"state": "down", "ready": False, "reason": "GET / answered 500", "last_lines": []}
