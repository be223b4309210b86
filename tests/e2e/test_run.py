"""One-off commands in an app's image and config: through the command, the router, the controller and the engine."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.e2e.conftest import IMAGE
from tests.support.platform import CommandFailed, Platform
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)


async def runs(platform: Platform, app: str) -> list[str]:
    """The names of an app's one-off containers, whether they run or not."""
    filters = ("--filter", f"label=io.deis.app={app}", "--filter", "label=io.deis.once=true")
    return sorted((await platform.docker("ps", "--all", *filters, "--format", "{{.Names}} {{.State}}")).splitlines())


async def none_left(platform: Platform, app: str, within: float = 60.0) -> None:
    async def gone() -> bool:
        return await runs(platform, app) == []

    await eventually(gone, within=within, what=f"no one-off container of {app} is left")


async def said(platform: Platform, app: str) -> list[str]:
    return [one["message"] for one in reversed(await platform.listing("events", "-a", app)) if one["kind"] == "run"]


async def test_a_command_runs_with_the_config_and_exits_as_itself(deis_platform: Platform, app: str) -> None:
    await deis_platform.deis("config:set", "GREETING=good day", "-a", app)
    before = await deis_platform.containers_at_rest(app)
    command = 'echo "$GREETING, $DEIS_APP $DEIS_RELEASE $DEIS_PROCESS"; echo oops >&2'
    told = await deis_platform.deis("run", "-a", app, command)
    assert told == f"Running '{command}'...\ngood day, {app} v3 run.1\noops\n"
    with pytest.raises(CommandFailed, match="ended with 42"):
        await deis_platform.deis("run", "-a", app, "--", "exit", "42")
    assert await said(deis_platform, app) == [
        f"ada runs '{command}' as run.1",
        "run.1 ended with exit code 0",
        "ada runs 'exit 42' as run.1",
        "run.1 ended with exit code 42",
    ]
    await none_left(deis_platform, app)
    assert await deis_platform.containers(app) == before

    async def logged() -> bool:
        lines = (await deis_platform.deis("logs", "-a", app)).splitlines()
        return any(f"{app}[run.1]: good day, {app} v3 run.1" in line for line in lines)

    await eventually(logged, what="the run's output in the app's log")


async def test_a_run_goes_on_beside_rolling_deploys_under_load(deis_platform: Platform, app: str) -> None:
    async with deis_platform.traffic(app).flowing() as traffic, asyncio.TaskGroup() as group:
        waiting = "trap 'echo over; exit 7' TERM; while :; do sleep 1 & wait $!; done"
        asked = group.create_task(deis_platform.deis("run", "--json", "-a", app, waiting, check=False))

        async def running() -> str | None:
            found = [one for one in await runs(deis_platform, app) if one.endswith(" running")]
            return found[0].partition(" ")[0] if found else None

        run = await eventually(running, within=60, what="the run runs")
        await deis_platform.deis("pull", f"{IMAGE}:v2", "-a", app)
        await deis_platform.deis("scale", "cmd=3", "-a", app)
        await deis_platform.deis("restart", "-a", app)
        assert [one["type"] for one in await deis_platform.listing("ps", "-a", app)] == ["cmd", "cmd", "cmd"]
        assert run in await deis_platform.containers(app)
        await traffic.more(100)
        await deis_platform.docker("kill", "--signal", "TERM", run)
    assert json.loads(asked.result()) == {"exit_code": 7, "output": "over\n"}
    assert traffic.failures == []
    await none_left(deis_platform, app)


async def test_a_killed_controller_is_no_success_and_leaves_no_container(deis_platform: Platform, app: str) -> None:
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(failed(deis_platform, "run", "-a", app, "sleep 5; echo slept"))

        async def running() -> bool:
            return any(one.endswith(" running") for one in await runs(deis_platform, app))

        await eventually(running, within=60, what="the run runs")
        await deis_platform.kill("controller")
    assert "Error: " in asked.result()
    await deis_platform.ready()

    async def ended() -> bool:
        return not any(one.endswith(" running") for one in await runs(deis_platform, app))

    await eventually(ended, within=60, what="the run ended by itself")
    await none_left(deis_platform, app, within=180)
    assert (await said(deis_platform, app))[-1] == "run.1 ended with exit code 0; whoever waited for it was gone"


async def failed(platform: Platform, *arguments: str) -> str:
    with pytest.raises(CommandFailed) as caught:
        await platform.deis(*arguments)
    return str(caught.value)
