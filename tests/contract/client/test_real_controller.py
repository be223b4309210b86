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
from tests.support.waiting import eventually

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


async def test_process_types_that_a_build_leaves_out_are_told_on_standard_error(ada: Deis) -> None:
    await ada("create", "paper")
    assert (await ada("pull", "example/web:v1", "-a", "paper", "-p", "web: serve\nworker: work")).err == ""
    await ada("scale", "cmd=0", "web=2", "worker=1", "-a", "paper")
    told = await ada("pull", "example/web:v2", "-a", "paper")
    assert told.out == "Creating build... done\n"
    assert told.err.startswith("web=2, worker=1 left out: this build has no such process types")
    told = await ada("pull", "example/web:v2", "-a", "paper", "--json")
    assert '"left_out"' in told.out


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
    assert "user bob was not found" in told.err
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


async def test_probes_are_set_deployed_and_removed(ada: Deis) -> None:
    await ada("create", "paper")
    await ada("pull", "example/web:v1", "-a", "paper")
    told = await ada("healthchecks:set", "readiness", "httpGet", "8080", "--path", "/ready", "-a", "paper")
    assert told.out.startswith("Applying readinessProbe to cmd... done, v3\n\n=== paper Healthchecks\n--- cmd:\n")
    await ada(
        "healthchecks:set", "liveness", "exec", "--period=5s", "--failure=2", "-apaper", "--", "test", "-e", "/x y"
    )
    shown = (await ada("healthchecks", "-a", "paper")).out
    assert "readiness   http-get http://:8080/ready delay=0s timeout=1s period=10s #success=1 #failure=3\n" in shown
    assert "liveness    exec [test -e '/x y'] delay=0s timeout=1s period=5s #success=1 #failure=2\n" in shown
    probes = await ada.json("healthchecks", "-a", "paper")
    assert probes["release"] == "v4"
    assert probes["healthcheck"]["cmd"]["readinessProbe"] == {"httpGet": {"port": 8080, "path": "/ready"}}
    told = await ada("healthchecks:unset", "readiness", "liveness", "-a", "paper")
    assert "readiness   tcp-socket :$PORT delay=0s timeout=1s period=10s #success=1 #failure=3 (default)\n" in told.out
    assert "liveness    none\n" in told.out
    await ada("config:set", "HEALTHCHECK_URL=/up", "-a", "paper")
    shown = (await ada("healthchecks", "-a", "paper")).out
    assert "readiness   http-get http://:$PORT/up delay=0s" in shown
    assert "(HEALTHCHECK_URL)\n" in shown
    told = await ada("healthchecks:set", "readiness", "tcp", "--period=2h", "-a", "paper", status=1)
    assert "\nhealthcheck.cmd.readinessProbe.periodSeconds: 7200;" in told.err


async def test_settings_are_set_and_brought_back(ada: Deis) -> None:
    await ada("create", "paper")
    before = (await ada("settings", "-a", "paper")).out
    told = await ada(
        "settings:set",
        *("surge=50%", "parallel=2", "drain=1m", "drain-websocket=600", "stop-grace=0.5", "startup-limit=2m"),
        *("response-timeout=30s", "-a", "paper"),
    )
    cells = [line.split("\t")[:2] for line in told.out.splitlines()[3:]]
    assert cells == [
        ["surge", "50%"],
        ["parallel", "2"],
        ["drain", "60s"],
        ["drain-websocket", "600s"],
        ["stop-grace", "0.5s"],
        ["startup-limit", "120s"],
        ["response-timeout", "30s"],
    ]
    assert (await ada.json("settings", "-a", "paper"))["settings"]["drain_seconds"] == 60
    names = (cell[0] for cell in cells)
    assert (await ada("settings:unset", *names, "-a", "paper")).out == f"Applying settings... done\n\n{before}"
    told = await ada("settings:set", "response-timeout=0.5", "-a", "paper", status=1)
    assert "settings: response_timeout_seconds: 0.5; it must be a whole number of seconds" in told.err


async def test_changes_are_followed_by_those_that_make_them(ada: Deis, api: Api) -> None:
    await ada("create", "paper")
    assert (await ada("pull", "example/web:v1", "-a", "paper", "--logs")).out == "Creating build... done\n"
    assert "Creating config... done, v3" in (await ada("config:set", "A=1", "-a", "paper", "--logs")).out
    assert "cmd.2 up (v3)" in (await ada("scale", "cmd=2", "-a", "paper", "--logs")).out
    assert "cmd.2 up (v3)" in (await ada("restart", "-a", "paper", "--logs")).out
    assert (await ada("rollback", "v2", "-a", "paper", "--logs")).out == "Rolling back to v2... done, v4\n"
    assert (await ada("apps:watch", "-a", "paper")).out.splitlines()[-1].startswith("v4 is out")
    api.deployer.failing["example/web:bad"] = "image example/web:bad cannot be had"
    plain = await ada("pull", "example/web:bad", "-a", "paper", status=1)
    followed = await ada("pull", "example/web:bad", "-a", "paper", "--logs", status=1)
    assert (followed.out, followed.err) == (plain.out, plain.err)
    assert "v5 failed" in (await ada("releases:watch", "v5", "-a", "paper", status=1)).err


async def test_a_deploy_under_way_is_followed_and_cancelled(ada: Deis, api: Api) -> None:
    await ada("create", "paper")
    await ada("pull", "example/web:v1", "-a", "paper")
    assert (await ada("releases:watch", "-a", "paper")).out.splitlines()[-1].startswith("v2 is out")
    assert "v2 is out already" in (await ada("releases:cancel", "-a", "paper", status=1)).err
    api.deployer.slow.add("example/web:v2")
    async with asyncio.TaskGroup() as group:
        deploying = group.create_task(ada("pull", "example/web:v2", "-a", "paper", status=1))
        await eventually(lambda: starting(ada))
        watching = await ada.start("releases:watch", "-a", "paper")
        assert watching.stdout is not None
        assert watching.stderr is not None
        assert await watching.stdout.readline() == b"=== paper Release v3\n"
        assert await watching.stdout.readline() == b"starting    waits for cmd.1 to pass its check\n"
        assert (await ada("releases", "-a", "paper")).out.splitlines()[1].endswith("\trolling")
        assert "phase:      starting\nwaits for:  cmd.1 to" in (await ada("releases:info", "v3", "-a", "paper")).out
        told = await ada("releases:cancel", "-a", "paper")
        assert told.out == "Cancelling the deploy... done, v3 is cancelled, v2 runs\n"
        assert await watching.stdout.read() == b"cancelled\n"
        assert await watching.stderr.read() == b"Error: v3 was cancelled by ada\n"
        assert await watching.wait() == 1
    assert deploying.result().err == "Error: v3 was cancelled by ada; v2 runs (409 CONFLICT)\n"
    assert (await ada("releases", "-a", "paper")).out.splitlines()[1].endswith("\tcancelled")
    assert "cmd.1 up (v2)" in (await ada("ps", "-a", "paper")).out
    assert "v3 was cancelled already" in (await ada("releases:cancel", "v3", "-a", "paper", status=1)).err


async def starting(ada: Deis) -> bool:
    """Whether the app's rollout is under way, as `deis info` tells it."""
    return "rollout:  v3 starting, waits for cmd.1 to pass its check" in (await ada("info", "-a", "paper")).out
