"""Commands on a pseudo-terminal: what they show, what is typed to them, and what stands there in the end."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import termios
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.support.waiting import eventually

SECONDS = 60.0
WHEEL = frozenset("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
COLOURS = re.compile(r"\x1b\[([0-9;]*)m")
CLEAR_TO_END = "\x1b[K"


class Terminal:
    """A command on a terminal of its own, and what it has shown so far."""

    def __init__(self, master: int, process: asyncio.subprocess.Process, seconds: float = SECONDS) -> None:
        self.process = process
        self.shown = ""
        self.ended = False
        self._master, self._seconds = master, seconds
        self._came = bytearray()
        self._changed = asyncio.Event()
        asyncio.get_running_loop().add_reader(master, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the last writer is gone
            data = b""
        if not data:
            self.ended = True
            asyncio.get_running_loop().remove_reader(self._master)
        self._came += data
        self.shown = self._came.decode(errors="ignore")  # a character may be here by half
        self._changed.set()

    async def until(self, fact: Callable[[], bool]) -> None:
        """Return once this holds of what was shown; `AssertionError` where it does not in time, or never will."""
        try:
            async with asyncio.timeout(self._seconds):
                while not fact():
                    assert not self.ended, self.shown
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(self.shown) from None

    async def asked(self, question: str, *, after: int = 0, secret: bool = False) -> None:
        """Return once it asks this, in a line that waits behind `after` characters; for a secret, without echo."""

        def asks() -> bool:
            line = self.shown[after:].rpartition("\n")[2]
            return question in line and line.endswith(" ")

        await self.until(asks)
        if secret:  # the end of the echo is no output that one could wait for
            await eventually(lambda: not self.echoes, within=self._seconds, what="a question without echo")

    @property
    def echoes(self) -> bool:
        """Whether it shows what is typed."""
        flags: int = termios.tcgetattr(self._master)[3]
        return bool(flags & termios.ECHO)

    def type(self, text: str) -> None:
        """Type this."""
        os.write(self._master, text.encode())

    async def end(self) -> int:
        """Its exit status, once it has ended."""
        try:
            async with asyncio.timeout(self._seconds):
                while not self.ended:
                    self._changed.clear()
                    await self._changed.wait()
                return await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise AssertionError(self.shown) from None
        finally:
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._master)


async def start(
    command: Sequence[str], *, directory: Path, environment: Mapping[str, str], seconds: float = SECONDS
) -> Terminal:
    """Start a command on a terminal of 100 columns that has colours, and that is its own: Ctrl-C reaches it."""
    master, slave = pty.openpty()
    shown_by = {**environment, "TERM": "xterm-256color", "COLUMNS": "100"}
    process = await asyncio.create_subprocess_exec(
        "setsid", "--ctty", *command, stdin=slave, stdout=slave, stderr=slave, cwd=directory, env=shown_by
    )
    os.close(slave)
    return Terminal(master, process, seconds)


def in_the_end(shown: str) -> str:
    """What stands on a terminal in the end: what was written over is gone, colours are there."""
    lines = [line.replace(CLEAR_TO_END, "").rpartition("\r")[2].rstrip() for line in shown.split("\r\n")]
    return "\n".join(lines)


def without_colours(shown: str) -> str:
    """The same text in none, and no spaces that only they made visible."""
    return "\n".join(COLOURS.sub("", line).rstrip() for line in shown.split("\n"))
