"""The store away, and rollouts that outlive the request or the process."""

from __future__ import annotations

import asyncio
from pathlib import Path

from libs.store.drivers.memory import MemoryStore
from libs.store.held import Whole
from services.controller import picture
from tests.support.api import Api, Client, running_api
from tests.support.waiting import eventually


async def test_a_write_without_the_store_is_503_and_can_be_tried_again(
    admin: Client, app: str, store: MemoryStore
) -> None:
    store._line.unavailable = True
    answer = await admin("POST", f"{app}/config", {"values": {"A": "1"}})
    assert answer.line == "503 SERVICE UNAVAILABLE"
    assert answer.headers["Retry-After"] == "1"
    assert "store does not answer" in answer.json["detail"]
    store._line.unavailable = False
    assert (await admin("POST", f"{app}/config", {"values": {"A": "1"}})).headers["Deis-Release"] == "2"


async def test_reads_outlast_a_short_absence_and_then_say_so(
    api: Api, admin: Client, app: str, store: MemoryStore
) -> None:
    store._line.unavailable = True
    store.drop_watches()
    await eventually(lambda: not api.controller.picture.apps.mirror.current)
    assert (await admin("GET", app)).status == 200
    assert api.controller.picture._stale_since is not None
    api.controller.picture._stale_since -= picture.STALE_AFTER
    answer = await admin("GET", app)
    assert (answer.line, answer.headers["Retry-After"]) == ("503 SERVICE UNAVAILABLE", "1")
    store._line.unavailable = False
    await eventually(lambda: api.controller.picture.apps.mirror.current)

    async def answers() -> bool:
        return (await admin("GET", app)).status == 200

    await eventually(answers)


async def test_a_token_that_cannot_be_looked_up_is_not_called_invalid(api: Api, store: MemoryStore) -> None:
    store._line.unavailable = True
    answer = await api.client.with_token("0" * 40)("GET", "/v1/")
    assert answer.line == "503 SERVICE UNAVAILABLE"


async def test_a_token_of_another_controller_is_good_at_once(api: Api, admin: Client, tmp_path: Path) -> None:
    async with running_api(api.store, tmp_path) as other:
        other.controller.picture.tokens.mirror._held = Whole()  # as if it had not heard of it
        assert (await other.client.with_token(admin.token)("GET", "/v1/")).status == 200


async def test_what_a_controller_wrote_is_read_by_the_next(api: Api, admin: Client, built: str, tmp_path: Path) -> None:
    await admin("POST", f"{built}/config", {"values": {"A": "1"}})
    async with running_api(api.store, tmp_path) as other:
        answer = await other.client.with_token(admin.token)("GET", f"{built}/config")
        assert answer.json["values"] == {"A": "1"}


async def test_a_rollout_goes_on_when_its_client_is_gone(api: Api, admin: Client, built: str) -> None:
    api.deployer.holding = True
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(admin("POST", f"{built}/config", {"values": {"A": "1"}}))
        apps = api.controller.picture.apps.mirror
        await eventually(lambda: (found := apps.get("hello")) is not None and found.release == 3)
        asking.cancel()
    api.deployer.holding = False
    api.deployer.look()
    rollouts = api.controller.picture.rollouts.mirror
    app = apps.get("hello")
    assert app is not None
    await eventually(lambda: (found := rollouts.get(app.uuid, 3)) is not None and found.phase == "done")


async def test_a_controller_that_ends_tells_those_who_wait(api: Api, admin: Client, built: str) -> None:
    api.deployer.holding = True
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(admin("POST", f"{built}/scale", {"cmd": 3}))
        apps = api.controller.picture.apps.mirror
        await eventually(lambda: (found := apps.get("hello")) is not None and found.formation == {"cmd": 3})
        api.controller.settling.stop()
    answer = asking.result()
    assert answer.line == "503 SERVICE UNAVAILABLE"
    assert answer.json == {"detail": "The controller restarts; release v2 of hello goes on."}


async def test_a_rollout_that_takes_too_long_goes_on(tmp_path: Path) -> None:
    async with running_api(MemoryStore(), tmp_path, controller_wait_seconds=0.05) as api:
        admin = await api.client.joined("admin")
        await admin("POST", "/v1/apps", {"id": "hello"})
        api.deployer.holding = True
        answer = await admin("POST", "/v1/apps/hello/builds", {"image": "a"})
        assert answer.line == "503 SERVICE UNAVAILABLE"
        assert answer.json == {"detail": "release v2 is not out after 0.05 seconds and goes on"}
        assert (await admin("GET", "/v1/apps/hello/releases")).json["count"] == 2
