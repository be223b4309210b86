"""v1's own `deis` command, of 2015, against this platform: what an unmodified client sees.

It was written for Python 2. It is translated by lib2to3, and what that cannot know is told to it: that text needs no
encoding any more, that `file` is `open`. Not a line of how it speaks to a controller is touched. It is of API version
1.5 and says so at each answer of another version, as it did to v1's own later controllers.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
STORE = ROOT / ".venv" / "v1-client"
LIMIT = 180.0  # seconds of one command, a deploy included

WARNING = re.compile(r"\n  !    WARNING: .*\n  !    Client version: 1\.5\n  !    Server version: (\S+)\n\n")

LAUNCHER = """\
import builtins, runpy, socket, sys, types, urllib3.contrib
builtins.file = open  # what Python 2 called it, and lib2to3 lets be
real = socket.getaddrinfo
socket.getaddrinfo = lambda host, *more, **named: real(  # names below localhost are this machine (RFC 6761, 6.3)
    "127.0.0.1" if str(host).endswith("localhost") else host, *more, **named
)
tls = types.ModuleType("urllib3.contrib.pyopenssl")  # Python 2 had no TLS with names; this one has
tls.inject_into_urllib3 = lambda: None
sys.modules["urllib3.contrib.pyopenssl"] = urllib3.contrib.pyopenssl = tls
sys.argv[0] = "deis"
runpy.run_path({program!r}, run_name="__main__")
"""


@dataclass(frozen=True)
class Said:
    """What a command printed, without its word on versions, and how it ended; `api` is the version that it was told."""

    text: str
    status: int
    api: str | None


class V1Client:
    """One user of v1's command, with a home of its own."""

    def __init__(self, program: Path, home: Path, environment: Mapping[str, str]) -> None:
        self._launcher = home / "deis.py"
        self._launcher.write_text(LAUNCHER.format(program=str(program)))
        self._home = home
        self._environment = {**environment, "HOME": str(home), "DEIS_HIDE_PROGRESS": "1", "PYTHONWARNINGS": "ignore"}

    async def __call__(self, *arguments: str, told: str = "", status: int = 0) -> Said:
        """Run a command line, which is to end with this status."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(self._launcher),
            *arguments,
            cwd=self._home,
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(LIMIT):
                out, _ = await process.communicate(told.encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        text = out.decode()
        found = WARNING.search(text)
        said = Said(WARNING.sub("", text), process.returncode or 0, found[1] if found else None)
        assert said.status == status, f"deis {' '.join(arguments)} ended with {said.status}:\n{text}"
        return said


async def translated(directory: Path) -> Path:
    """The command in this Python's language."""
    archives = sorted(STORE.glob("deis-*.zip"))
    assert archives, "v1's client is not there: run tests/support/v1_client/fetch.sh, or `make test`"
    with zipfile.ZipFile(archives[-1]) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/deis.py"))
        source = archive.read(name).decode()
    program = directory / "deis_v1.py"
    program.write_text(source)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "ignore", "-m", "lib2to3", "--write", "--nobackups", "--no-diffs", str(program)),
        env=os.environ,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0
    text = program.read_text()
    assert "return obj.encode('utf-8')" in text
    program.write_text(text.replace("return obj.encode('utf-8')", "return obj"))
    return program
