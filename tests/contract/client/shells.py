"""Real shells that complete `deis` command lines."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import sys

from tests.contract.client.conftest import SECONDS, Deis


def on_path(deis: Deis) -> Deis:
    """The same home, with `deis` on the PATH."""
    directory = deis.home / "bin"
    directory.mkdir()
    command = directory / "deis"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m libs.client "$@"\n')
    command.chmod(0o755)
    deis.environment["PATH"] = f"{directory}:/usr/bin:/bin"
    return deis


async def script(shell: Deis, name: str) -> str:
    """The completion script for a shell."""
    shell.environment["_DEIS_COMPLETE"] = f"source_{name}"
    told = await shell.process()
    del shell.environment["_DEIS_COMPLETE"]
    return told.out


async def output(shell: Deis, *command: str) -> str:
    """What a shell prints that ends well."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env=shell.whole_environment(), cwd=shell.directory
    )
    async with asyncio.timeout(SECONDS):
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


async def typed_into(shell: Deis, command: list[str], *exchanges: str) -> str:
    """What a terminal shows, after each typed text was followed by the text that was waited for."""
    master, slave = pty.openpty()
    environment = {**shell.whole_environment(), "TERM": "dumb"}
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        cwd=shell.directory,
        start_new_session=True,
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
