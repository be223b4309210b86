"""The command as it stands on a user's machine: its settings, its neighbours, its pipes, and what it says of itself."""

from __future__ import annotations

import asyncio
import json
import re
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from libs.client.catalogue import GROUPS
from tests.e2e.conftest import IMAGE
from tests.support.person import COMMAND, SECONDS, Person, person
from tests.support.platform import Platform
from tests.support.terminal import WHEEL
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def url(deis_platform: Platform) -> str:
    return f"http://deis.localhost:{deis_platform.settings.router_http_port}"


@pytest_asyncio.fixture
async def jo(deis_platform: Platform, tmp_path: Path, url: str) -> AsyncIterator[Person]:
    """A user who has just registered; the account is cancelled afterwards, with the app `lake` if there is one."""
    jo = person(tmp_path, "jo", deis_platform.environment)
    try:
        await jo.done("register", url, "--username", "jo", "--password", "secret", "--email", "")
        yield jo
    finally:
        await deis_platform.api("DELETE", "/v1/apps/lake")
        await deis_platform.api("DELETE", "/v1/auth/cancel/", {"username": "jo"})


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_logins_are_kept_for_their_owner_alone_one_a_profile(jo: Person, url: str) -> None:
    settings = jo.home / ".deis"
    assert [path.name for path in settings.iterdir()] == ["client.json"]
    assert (mode_of(settings), mode_of(settings / "client.json")) == (0o700, 0o600)
    kept = json.loads((settings / "client.json").read_text())
    token = kept.pop("token")
    assert re.fullmatch(r"[0-9a-f]{40}", token)
    assert kept == {"username": "jo", "ssl_verify": True, "controller": url, "response_limit": 100}

    jo.environment["DEIS_PROFILE"] = "second"
    assert await jo.failed("whoami") == "Error: Not logged in. Use 'deis login' or 'deis register' to get started.\n"
    await jo.done("login", url, "--username", "jo", "--password", "secret")
    second = json.loads((settings / "second.json").read_text())["token"]
    assert second != token
    tokens = await jo.listing("tokens")
    assert [one["current"] for one in tokens] == [True, False]
    assert await jo.done("logout") == "Logged out\n"
    assert not (settings / "second.json").exists()

    del jo.environment["DEIS_PROFILE"]  # the other login has not ended
    assert [one["current"] for one in await jo.listing("tokens")] == [True]


async def test_the_app_is_the_git_remotes_else_the_folders(jo: Person, tmp_path: Path) -> None:
    await jo.done("create", "lake", "--no-remote")
    assert "app jo was not found" in await jo.failed("info")

    folder = jo.directory.with_name("Lake")
    folder.mkdir()
    jo.directory = folder
    assert (await jo.listing("info"))["id"] == "lake"

    elsewhere = jo.directory.with_name("elsewhere")
    elsewhere.mkdir()
    jo.directory = elsewhere
    await in_a_shell(jo, "git init --quiet")
    assert "app elsewhere was not found" in await jo.failed("info")
    await jo.done("git:remote", "-a", "lake")
    (elsewhere / "deeper").mkdir()
    jo.directory = elsewhere / "deeper"
    assert (await jo.listing("info"))["id"] == "lake"
    assert "Git remote deis removed\n" in await jo.done("destroy", "--confirm=lake")
    assert await in_a_shell(jo, "git remote") == ""


async def test_a_plugin_on_the_path_is_a_command_and_may_ask_the_controller(jo: Person) -> None:
    plugins = jo.home / "bin"
    plugins.mkdir()
    plugin = plugins / "deis-greet"
    plugin.write_text(f'#!/bin/sh\nread line\n{COMMAND} whoami | sed "s/^You are/$line/"\necho "$# $*"\nexit 7\n')
    plugin.chmod(0o755)
    jo.path = f"{plugins}:{jo.path}"
    told = await jo("greet:loudly", "-a", "two words", typed="Good day,\n")
    assert (told.status, told.err) == (7, "")
    greeting, arguments = told.out.splitlines()
    assert greeting.startswith("Good day, jo at http://deis.localhost:")
    assert arguments == "3 loudly -a two words"
    shown = await jo.start("greet")
    shown.type("Good day,\n")
    assert await shown.end() == 7
    assert "Good day, jo at " in shown.shown


@pytest_asyncio.fixture
async def lake(jo: Person) -> Person:
    """The same user, who has deployed the app `lake` and stands in its folder."""
    jo.directory = jo.directory.with_name("lake")
    jo.directory.mkdir()
    await jo.done("create", "lake", "--no-remote")
    await jo.done("settings:set", "stop-grace=1s", "drain=1s")
    await jo.done("pull", f"{IMAGE}:v1")
    return jo


async def test_runs_have_their_own_exit_codes_and_output_and_ctrl_c_ends_no_deploy(lake: Person) -> None:
    async def ran(*words: str) -> tuple[str, str, int]:
        told = await lake("run", "--", *words)
        return told.out, told.err, told.status

    commands = (("true",), ("exit 42",), ("exit 255",), ("nosuchcommand",), ("echo out; echo err >&2", "; false"))
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(ran(*words)) for words in commands]
        cut = group.create_task(in_a_shell(lake, f"{COMMAND} run -- 'yes line | head -n 1000' | head -n 2"))
    true, some, most, unknown, both = (task.result() for task in asked)
    assert true == ("Running 'true'...\n", "", 0)
    assert some == ("Running 'exit 42'...\n", "", 42)
    assert most == ("Running 'exit 255'...\n", "", 255)
    assert (unknown[1:], "nosuchcommand" in unknown[0]) == (("", 127), True)
    assert both == ("Running 'echo out; echo err >&2 ; false'...\nout\nerr\n", "", 1)
    assert cut.result() == "Running 'yes line | head -n 1000'...\nline\n"

    deploy = await lake.start("healthchecks:set", "readiness", "httpGet", "--path", "/nowhere")
    await deploy.until(lambda: bool(WHEEL & set(deploy.shown)))

    async def under_way() -> bool:
        return (await lake.in_this_process("releases:info", "v3")).status == 0

    await eventually(under_way, within=60, what="v3 begun")
    deploy.type("\x03")
    assert await deploy.end() == 130
    assert "interrupted" in deploy.shown
    assert "`deis releases:cancel -a lake` ends it." in deploy.shown
    assert "done, v3 is cancelled, v2 runs" in await lake.done("releases:cancel")


async def in_a_shell(who: Person, line: str) -> str:
    """What a shell's pipeline prints, of which nothing complains."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_shell(
        line, stdout=pipe, stderr=pipe, cwd=who.directory, env=who.whole_environment()
    )
    async with asyncio.timeout(SECONDS):
        out, err = await process.communicate()
    assert err == b""
    return out.decode()


async def test_help_tells_of_every_group_and_command(
    deis_platform: Platform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    anybody = person(tmp_path, "anybody", deis_platform.environment)
    assert "Usage: deis <command>" in await anybody.done("help")
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", await anybody.done("--version"))
    for name, group in GROUPS.items():
        told = await anybody.in_this_process("help", name)
        assert (told.status, told.err) == (0, ""), name
        assert told.out.startswith("Valid commands for "), name
        for command in group.commands():
            assert command in told.out
            one = await anybody.in_this_process(command, "--help")
            assert one.status == 0
            assert capsys.readouterr().out.startswith(f"Usage: deis {command} "), command
    drawn = await anybody.shown("help", "apps:create")
    assert (drawn.status, "╭" in drawn.out) == (0, True)
