"""From an image to an answering URL, as a user does it."""

from __future__ import annotations

import re

from tests.e2e.conftest import IMAGE
from tests.support.platform import Platform
from tests.support.waiting import eventually


async def test_an_image_becomes_an_answering_url_scaled_checked_and_logged(deis_platform: Platform, name: str) -> None:
    deis = deis_platform.deis
    assert f"created {name}" in await deis("create", name, "--no-remote")
    await deis("pull", f"{IMAGE}:v1", "-a", name)
    status, page = await deis_platform.get(name)
    assert (status, f"{name}" in page, "v2" in page) == (200, True, True)

    await deis("scale", "cmd=3", "-a", name)
    processes = await deis_platform.listing("ps", "-a", name)
    assert sorted((one["type"], one["num"], one["state"]) for one in processes) == [
        ("cmd", 1, "up"),
        ("cmd", 2, "up"),
        ("cmd", 3, "up"),
    ]
    assert len(await deis_platform.containers_at_rest(name)) == 3

    assert "GREETING" in await deis("config:set", "GREETING=good morning = hello", "-a", name)
    status, page = await deis_platform.get(name)
    assert (status, "good morning = hello" in page) == (200, True)
    assert len(await deis_platform.containers_at_rest(name)) == 3

    await deis("pull", f"{IMAGE}:v2", "-a", name)
    releases = await deis_platform.listing("releases", "-a", name)
    assert [one["version"] for one in releases] == [4, 3, 2, 1]
    assert [one["summary"] for one in releases] == [
        f"ada deployed {IMAGE}:v2",
        "ada added GREETING",
        f"ada deployed {IMAGE}:v1",
        "ada created initial release",
    ]
    assert "v5" in await deis("rollback", "v3", "-a", name)
    status, page = await deis_platform.get(name)
    assert (status, "good morning = hello" in page) == (200, True)

    async def logged() -> str:
        lines = await deis("logs", "-a", name, "-n", "200")
        found = re.search(rf"{name}\[cmd\.\d+\]: .*GET /", lines)
        return lines if found and "ada rolled back to v3" in lines else ""

    await eventually(logged, within=30, what="requests and releases in the log")

    await deis("destroy", "-a", name, f"--confirm={name}")
    status, _ = await deis_platform.get(name)
    assert status == 404
    assert await deis_platform.containers(name) == []


async def test_an_app_answers_at_its_own_domain(deis_platform: Platform, app: str) -> None:
    await deis_platform.deis("domains:add", f"www.{app}.example.com", "-a", app)
    port = deis_platform.settings.router_http_port

    async def answers() -> bool:
        page = await deis_platform.run(
            "curl", "-s", "-H", f"Host: www.{app}.example.com", f"http://127.0.0.1:{port}/", check=False
        )
        return app in page

    await eventually(answers, what="the page at the app's own domain")


async def test_a_missing_image_fails_the_deploy_at_once_and_the_app_goes_on(deis_platform: Platform, app: str) -> None:
    async with deis_platform.traffic(app).flowing() as traffic:
        told = await deis_platform.deis("pull", "example-nowhere:v9", "-a", app, check=False)
    assert "example-nowhere:v9" in told
    assert traffic.failures == []
    status, _ = await deis_platform.get(app)
    assert status == 200


async def test_a_deploy_under_load_loses_no_request(deis_platform: Platform, app: str) -> None:
    async with deis_platform.traffic(app).flowing() as traffic:
        await deis_platform.deis("pull", f"{IMAGE}:v2", "-a", app)
        await deis_platform.deis("scale", "cmd=3", "-a", app)
        await deis_platform.deis("restart", "-a", app)
        await deis_platform.deis("scale", "cmd=1", "-a", app)
    assert traffic.failures == []
    assert traffic.answered > 100


async def test_a_restart_replaces_every_instance(deis_platform: Platform, app: str) -> None:
    before = await deis_platform.containers_at_rest(app)
    await deis_platform.deis("restart", "-a", app)
    after = await deis_platform.containers_at_rest(app)
    assert len(after) == len(before) == 2
    assert set(before).isdisjoint(after)


async def test_an_unknown_host_is_not_found(deis_platform: Platform) -> None:
    status, _ = await deis_platform.get("no-such-app")
    assert status == 404


async def test_up_on_a_running_platform_does_no_harm(deis_platform: Platform, app: str) -> None:
    before = {one["name"]: one["pid"] for one in deis_platform.supervisor.programs()}
    async with deis_platform.traffic(app).flowing() as traffic:
        await deis_platform.local("up")
    assert traffic.failures == []
    assert {one["name"]: one["pid"] for one in deis_platform.supervisor.programs()} == before
