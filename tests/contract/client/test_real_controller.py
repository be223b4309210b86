"""The command and the controller's own API, over a store in memory: they must mean the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.client.api.client import Client, open_client
from libs.client.api.errors import Conflict
from libs.store.drivers.memory import MemoryStore
from tests.contract.client.conftest import Deis
from tests.support.api import Api, running_api

PASSWORD = "opensesame"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(MemoryStore(), tmp_path / "platform") as running:
        yield running


@pytest.fixture
async def ada(tmp_path: Path, api: Api) -> Deis:
    """The command, with ada logged in; its directory is named for no app."""
    home = tmp_path / "home"
    home.mkdir()
    url = api.client.url.replace("127.0.0.1", "deis.localhost")
    deis = Deis(home, home, url)
    told = await deis("register", url, "--username", "ada", "--password", PASSWORD, "--email", "ada@example.com")
    assert told.out == "Registered ada\nLogged in as ada\n"
    return deis


async def test_the_main_job_is_done(ada: Deis) -> None:
    assert (await ada("create", "paper")).out == "Creating Application... done, created paper\n"
    assert (await ada("pull", "example/web:v1", "-a", "paper")).out == "Creating build... done\n"
    assert (await ada("ps", "-a", "paper")).out == "=== paper Processes\n--- cmd:\ncmd.1 up (v2)\n"
    told = await ada("scale", "cmd=3", "-a", "paper")
    assert told.out.endswith("--- cmd:\ncmd.1 up (v2)\ncmd.2 up (v2)\ncmd.3 up (v2)\n")
    told = await ada("config:set", "GREETING=good = morning", "LINES=a\nb", "-a", "paper")
    assert told.out.startswith("Creating config... done, v3\n\n=== paper Config\nGREETING      good = morning\n")
    assert await ada.json("config", "-a", "paper") == {"GREETING": "good = morning", "LINES": "a\nb"}
    await ada("config:unset", "LINES", "-a", "paper")
    await ada("pull", "example/web:v2", "-a", "paper")
    assert (await ada("rollback", "v3", "-a", "paper")).out == "Rolling back to v3... done, v6\n"
    releases = await ada.json("releases", "-a", "paper")
    assert [(one["version"], one["summary"]) for one in releases] == [
        (6, "ada rolled back to v3"),
        (5, "ada deployed example/web:v2"),
        (4, "ada deleted LINES"),
        (3, "ada added GREETING, LINES"),
        (2, "ada deployed example/web:v1"),
        (1, "ada created initial release"),
    ]
    assert (await ada("releases:info", "v2", "-a", "paper")).out.startswith("=== paper Release v2\nbuild: ")
    assert len(await ada.json("builds", "-a", "paper")) == 2
    assert "cmd.3 up (v6)" in (await ada("restart", "-a", "paper")).out
    assert (await ada("destroy", "-a", "paper", "--confirm=paper")).out.startswith("Destroying paper...\ndone in ")
    assert (await ada("apps")).out == "=== Apps\n"


async def test_every_listing_of_a_real_app_is_told_and_is_json(ada: Deis) -> None:
    await ada("create", "paper")
    await ada("pull", "example/web:v1", "-a", "paper")
    await ada("domains:add", "www.example.com", "-a", "paper")
    await ada("limits:set", "cmd=64M", "-a", "paper")
    await ada("limits:set", "-c", "cmd=256", "-a", "paper")
    await ada("tags:set", "disk=ssd", "-a", "paper")
    await ada("config:set", "A=1", "-a", "paper")
    for listing in ("ps", "config", "domains", "builds", "releases", "limits", "tags", "events"):
        assert (await ada(listing, "-a", "paper")).out.startswith("=== paper "), listing
        assert await ada.json(listing, "-a", "paper"), listing
    assert (await ada("apps")).out == "=== Apps\npaper\n"
    assert [one["id"] for one in await ada.json("apps")] == ["paper"]
    shown = await ada.json("info", "-a", "paper")
    assert [one["domain"] for one in shown["domains"]] == ["www.example.com"]
    assert (await ada("domains:remove", "www.example.com", "-a", "paper")).out.endswith("... done\n")
    assert (await ada.json("limits", "-a", "paper")) == {"memory": {"cmd": "64M"}, "cpu": {"cmd": 256}}
    events = (await ada("events", "-a", "paper")).out
    assert "ada deployed example/web:v1" in events


async def test_a_deploy_that_fails_tells_the_reason_and_the_last_lines(ada: Deis, api: Api) -> None:
    api.deployer.failing["example/broken:v1"] = "cmd.1 exited with status 1"
    await ada("create", "paper")
    told = await ada("pull", "example/broken:v1", "-a", "paper", status=1)
    assert told.out == "Creating build... failed\n"
    assert told.err == "Error: cmd.1 exited with status 1 (503 SERVICE UNAVAILABLE)\nits last lines:\nTraceback: boom\n"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("create", "Not_A_Label"), "(400 BAD REQUEST)\nid: App IDs can only contain [a-z0-9-]."),
        (("create", "paper"), "app paper is taken (400 BAD REQUEST)\nid: This field must be unique."),
        (("scale", "cmd=1", "-a", "paper"), "(400 BAD REQUEST)"),
        (("ps", "-a", "nowhere"), "app nowhere was not found (404 NOT FOUND)"),
        (("domains:add", "no..name", "-a", "paper"), "domain: "),
        (("limits:set", "cmd=much", "-a", "paper"), "memory: "),
        (("rollback", "v9", "-a", "paper"), "(404 NOT FOUND)"),
    ],
)
async def test_what_the_controller_refuses_is_told(ada: Deis, words: tuple[str, ...], wanted: str) -> None:
    await ada("create", "paper")
    told = await ada(*words, status=1)
    assert told.err.startswith("Error: ")
    assert wanted in told.err


async def test_a_changed_password_is_the_one_to_log_in_with(ada: Deis) -> None:
    told = await ada("passwd", "--password", PASSWORD, "--new-password", "better")
    assert told.out == "Password change succeeded.\n"
    assert (await ada("apps")).out == "=== Apps\n"
    await ada("login", ada.controller, "--username", "ada", "--password", PASSWORD, status=1)
    assert (await ada("login", ada.controller, "--username", "ada", "--password", "better")).out == "Logged in as ada\n"
    assert (await ada("whoami")).out == f"You are ada at {ada.controller}\n"


async def test_an_app_is_handed_over(ada: Deis) -> None:
    await ada("create", "paper")
    told = await ada("apps:transfer", "bob", "-a", "paper", status=1)
    assert "no user bob" in told.err
    mine = ada.profile.read_text()
    await ada("register", ada.controller, "--username", "bob", "--password", PASSWORD, "--email", "")
    assert (await ada("apps")).out == "=== Apps\n"
    bobs = ada.profile.read_text()
    ada.profile.write_text(mine)
    assert (await ada("apps:transfer", "bob", "-a", "paper")).out == "Transferring paper to bob... done\n"
    ada.profile.write_text(bobs)
    assert (await ada("apps")).out == "=== Apps\npaper\n"


async def test_writers_at_once_all_get_through_by_trying_again(ada: Deis) -> None:
    await ada("create", "paper")
    token = json.loads(ada.profile.read_text())["token"]

    async def write(client: Client, number: int) -> None:
        while True:
            try:
                await client.config.change("paper", values={f"KEY_{number}": str(number)})
            except Conflict:
                continue
            return

    async with open_client(ada.controller, token=token) as client:
        async with asyncio.TaskGroup() as group:
            for number in range(10):
                group.create_task(write(client, number))
        config = await client.config.get("paper")
        releases = await client.releases.list("paper")
    assert config.values == {f"KEY_{number}": str(number) for number in range(10)}
    assert [release.version for release in releases.results] == list(range(11, 0, -1))
