"""Completion as a real bash asks for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import sys
from pathlib import Path

import pytest

from tests.contract.client.conftest import SECONDS, Deis
from tests.contract.client.stand_in import StandIn


@pytest.fixture
def shell(deis: Deis) -> Deis:
    """A home in which `deis` is on the PATH."""
    directory = deis.home / "bin"
    directory.mkdir()
    command = directory / "deis"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m libs.client "$@"\n')
    command.chmod(0o755)
    deis.environment["PATH"] = f"{directory}:/usr/bin:/bin"
    return deis


async def script(shell: Deis) -> str:
    """The completion script for bash."""
    shell.environment["_DEIS_COMPLETE"] = "source_bash"
    told = await shell.process()
    del shell.environment["_DEIS_COMPLETE"]
    return told.out


async def completed(shell: Deis, *words: str) -> list[str]:
    """What bash would offer for the last of the words, split as bash splits them."""
    quoted = " ".join(f"'{word}'" for word in words)
    code = (
        f"{await script(shell)}\nCOMP_WORDS=({quoted})\nCOMP_CWORD={len(words) - 1}\n"
        '_deis_completion deis\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    process = await asyncio.create_subprocess_exec(
        "bash", "--norc", "-c", code, stdout=asyncio.subprocess.PIPE, env=shell.whole_environment(), cwd=shell.directory
    )
    async with asyncio.timeout(SECONDS):
        out, _ = await process.communicate()
    return out.decode().split()


async def test_commands_are_offered_from_their_beginning(shell: Deis) -> None:
    assert set(await completed(shell, "deis", "apps:c")) == {"apps:create"}
    assert {"releases", "releases:list", "releases:rollback", "releases:info"} <= set(
        await completed(shell, "deis", "rel")
    )


async def test_behind_a_colon_only_the_rest_is_offered(shell: Deis) -> None:
    assert set(await completed(shell, "deis", "config", ":")) == {"list", "set", "unset", "pull", "push"}
    assert set(await completed(shell, "deis", "config", ":", "pu")) == {"pull", "push"}


async def test_options_are_offered_for_commands_with_and_without_a_colon(shell: Deis) -> None:
    assert "--no-remote" in await completed(shell, "deis", "apps", ":", "create", "--no")
    assert "--no-remote" in await completed(shell, "deis", "create", "--no")


async def test_what_a_command_takes_is_offered(shell: Deis) -> None:
    assert set(await completed(shell, "deis", "healthchecks", ":", "set", "re")) == {"readiness"}
    assert set(await completed(shell, "deis", "healthchecks", ":", "set", "readiness", "ht")) == {"httpGet"}
    assert set(await completed(shell, "deis", "settings", ":", "unset", "drain")) == {"drain", "drain-websocket"}
    assert set(await completed(shell, "deis", "releases", ":", "c")) == {"cancel"}


async def test_app_names_are_offered(shell: Deis, stand_in: StandIn) -> None:
    for name in ("paper", "papyrus", "ink"):
        stand_in.app(name)
    assert set(await completed(shell, "deis", "ps", ":", "scale", "-a", "pap")) == {"paper", "papyrus"}


async def test_without_a_controller_no_app_is_offered_and_nothing_breaks(shell: Deis) -> None:
    shell.log_in(controller="http://deis.example.invalid")
    assert await completed(shell, "deis", "ps", "-a", "pap") == []


async def test_the_completion_script_is_shown_and_installed(shell: Deis) -> None:
    shown = await bash(shell, "deis --show-completion")
    assert "_DEIS_COMPLETE=complete_bash" in shown
    await bash(shell, "deis --install-completion")
    installed = shell.home / ".bash_completions" / "deis.sh"
    assert str(installed) in (shell.home / ".bashrc").read_text()
    assert "_deis_completion" in installed.read_text()


async def bash(shell: Deis, code: str) -> str:
    """What a bash that stays above the command prints."""
    process = await asyncio.create_subprocess_exec(
        "bash",
        "--norc",
        "-c",
        f"{code}; exit $?",
        stdout=asyncio.subprocess.PIPE,
        env=shell.whole_environment(),
        cwd=shell.directory,
    )
    async with asyncio.timeout(SECONDS):
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


async def test_a_tab_in_an_interactive_bash_completes_a_command_with_a_colon(shell: Deis) -> None:
    rc = shell.home / "rc"
    rc.write_text(f"PS1='$ '\nbind 'set enable-bracketed-paste off'\n{await script(shell)}\n")
    shown = await typed_into_bash(shell, rc, "echo ready\n", "ready\r\n", "deis config:uns\t", "config:unset ")
    assert "config:config:" not in shown


async def typed_into_bash(shell: Deis, rc: Path, *exchanges: str) -> str:
    """What a terminal shows, after each typed text was followed by the text that was waited for."""
    master, slave = pty.openpty()
    environment = {**shell.whole_environment(), "TERM": "dumb"}
    process = await asyncio.create_subprocess_exec(
        "bash", "--rcfile", str(rc), "-i", stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=shell.directory
    )
    os.close(slave)
    shown = ""
    arrived: asyncio.Queue[str] = asyncio.Queue(maxsize=1000)  # a terminal's output is short here
    loop = asyncio.get_running_loop()

    def read() -> None:
        try:
            arrived.put_nowait(os.read(master, 65536).decode(errors="replace"))
        except OSError:
            loop.remove_reader(master)

    loop.add_reader(master, read)
    try:
        async with asyncio.timeout(SECONDS):
            for text, wanted in zip(exchanges[::2], exchanges[1::2], strict=True):
                os.write(master, text.encode())
                start = len(shown)
                while wanted not in shown[start:]:
                    shown += await arrived.get()
    except TimeoutError as error:
        raise AssertionError(shown) from error
    finally:
        loop.remove_reader(master)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        os.close(master)
    return shown
