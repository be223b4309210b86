"""What only a process of its own can show."""

from __future__ import annotations

import asyncio
import signal
import sys

from aiohttp import web

from tests.contract.client.conftest import SECONDS, Deis
from tests.contract.client.stand_in import StandIn


async def test_the_version_is_printed_bare(anonymous: Deis) -> None:
    for form in ("--version", "-v", "version"):
        told = await anonymous.process(form)
        assert told.out.count("\n") == 1
        assert told.out[0].isdigit()


async def test_help_is_found_in_every_form(anonymous: Deis) -> None:
    for whole in ("", "help", "--help", "-h"):
        assert "Usage: deis <command>" in (await anonymous(*whole.split())).out
    for group in ("help apps", "apps --help", "help auth", "auth", "git"):
        assert (await anonymous(*group.split())).out.startswith("Valid commands for ")
    for one in ("help apps:create", "apps:create --help", "help create", "create -h"):
        told = await anonymous.process(*one.split())
        assert "Create an application." in told.out
        assert "--no-remote" in told.out
        assert "\x1b" not in told.out
        assert "╭" not in told.out


async def test_an_unknown_command_fails_and_names_the_nearest(anonymous: Deis) -> None:
    for word in ("apps:crate", "crate"):
        told = await anonymous.process(word, status=1)
        assert told.out == ""
        assert told.err.startswith(f"Error: `{word}` is no deis command.")
        assert "create`" in told.err
    assert "Did you mean" not in (await anonymous("bogus", status=1)).err
    assert "See `deis help`." in (await anonymous("help", "zzz", status=1)).err


async def test_wrong_usage_fails_with_1_and_says_where_help_is(anonymous: Deis) -> None:
    for words in (("pull",), ("apps:create", "--bogus"), ("apps:create", "a", "b"), ("logs", "-n", "few"), ("scale",)):
        told = await anonymous(*words, status=1)
        assert told.err.startswith("Error: ")
        assert told.err.endswith(f"See `deis help {words[0]}`.\n")
        assert told.out == ""


async def test_a_plugin_gets_the_arguments_and_gives_its_status(anonymous: Deis) -> None:
    plugins = anonymous.home / "bin"
    plugins.mkdir()
    plugin = plugins / "deis-shell"
    plugin.write_text('#!/bin/sh\necho "$@"\nread line\necho "$line"\nexit 7\n')
    plugin.chmod(0o755)
    anonymous.environment["PATH"] = f"{plugins}:/usr/bin:/bin"
    assert (await anonymous.process("shell", "-a", "x", typed="in\n", status=7)).out == "-a x\nin\n"
    assert (await anonymous.process("shell:open", "--fast", typed="in\n", status=7)).out == "open --fast\nin\n"
    assert (await anonymous.process("help", "shell", typed="in\n", status=7)).out == "--help\nin\n"


async def test_ctrl_c_says_that_the_deploy_goes_on(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")
    over, deploying = asyncio.Event(), asyncio.Event()

    async def never(request: web.Request) -> web.Response:
        deploying.set()
        await over.wait()
        return web.Response()

    stand_in.answers["POST /v1/apps/paper/builds"] = never
    process = await deis.start("pull", "example/web:v1")
    async with asyncio.timeout(SECONDS):
        await deploying.wait()
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    over.set()
    assert out == b"Creating build... interrupted\n"
    assert err.decode().startswith("Error: interrupted. The controller goes on with it: ")
    assert "`deis releases:cancel -a paper`" in err.decode()
    assert process.returncode == 130


async def test_a_reader_that_has_seen_enough_is_no_error(deis: Deis, stand_in: StandIn) -> None:
    stand_in.app("paper")

    async def long(request: web.Request) -> web.Response:
        return web.Response(text="line\n" * 100_000)

    stand_in.answers["GET /v1/apps/paper/logs"] = long
    command = f"{sys.executable} -m libs.client logs -a paper | head -n 1"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_shell(
        command, stdout=pipe, stderr=pipe, cwd=deis.directory, env=deis.whole_environment()
    )
    async with asyncio.timeout(SECONDS):
        assert await process.communicate() == (b"line\n", b"")


async def test_a_command_that_asks_nothing_brings_no_http_client(anonymous: Deis) -> None:
    code = (
        "import sys; from libs.client.command import run; from libs.client.invocation import invocation\n"
        "for words in (['--version'], ['help'], ['whoami'], ['apps', '--help']):\n"
        "    run(words, invocation({'HOME': '/x'}))\n"
        "heavy = {'aiohttp', 'asyncio.base_events', 'rich', 'websockets'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(SECONDS):
        _, err = await process.communicate()
    assert process.returncode == 0, err.decode()
