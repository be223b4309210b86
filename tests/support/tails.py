"""Who follows an app's log: a running `deis logs -f`, and what it has printed."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.counting import Counted
from tests.support.platform import Platform
from tests.support.waiting import eventually

LONGEST = 1024 * 1024  # bytes of a line
COMMAND = str(Path(sys.executable).with_name("deis"))


class Tail:
    """The lines that it printed so far, and its words on standard error."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[str] = []
        self.words: list[str] = []

    async def read(self) -> None:
        """Read until it ends."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        async with asyncio.TaskGroup() as group:
            group.create_task(_take(self._process.stdout, self.lines))
            group.create_task(_take(self._process.stderr, self.words))

    async def shows(self, text: str, *, after: int = 0, within: float = 60.0) -> int:
        """Return the number of lines up to the first one with this text behind so many, once it is there."""

        def found() -> int | None:
            return next((n for n, line in enumerate(self.lines[after:], after + 1) if text in line), None)

        return await self._eventually(found, within, f"a line with {text!r}")

    async def more(self, count: int, text: str = " says ", *, within: float = 60.0) -> None:
        """Wait until so many more lines with this text came."""
        before = len(self.lines)

        def came() -> bool:
            return sum(text in line for line in self.lines[before:]) >= count

        await self._eventually(came, within, f"{count} more lines with {text!r}")

    async def runs(self, count: int, *, within: float = 60.0) -> None:
        """Wait until lines of so many runs of processes came."""
        await self._eventually(lambda: len(self.counted.said) >= count, within, f"lines of {count} runs")

    async def says(self, text: str, *, within: float = 60.0) -> None:
        """Wait for words on its standard error."""
        await self._eventually(lambda: any(text in word for word in self.words), within, f"the words {text!r}")

    async def ends(self, *, within: float = 60.0) -> int:
        """Wait until it ends by itself: its exit status."""
        async with asyncio.timeout(within):
            return await self._process.wait()

    def interrupt(self) -> None:
        """As Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    @property
    def running(self) -> bool:
        """It has not ended."""
        return self._process.returncode is None

    @property
    def counted(self) -> Counted:
        """What it printed of numbered lines."""
        return Counted.of(self.lines)

    async def _eventually(self, fact: Callable[[], int | None], within: float, what: str) -> int:
        try:
            return await eventually(fact, within=within, what=what)
        except AssertionError as error:
            last = "\n".join([*self.lines[-10:], *self.words[-10:]])
            error.add_note(f"status {self._process.returncode}, {len(self.lines)} lines; the last:\n{last}")
            raise


@asynccontextmanager
async def following(platform: Platform, app: str, *words: str, **environment: str) -> AsyncIterator[Tail]:
    """`deis logs -f` of an app while the body runs; afterwards it is interrupted, where it still runs."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *("logs", "-f", "-a", app, *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        cwd=platform.settings.home,
        env={**platform.environment, **environment},
        limit=LONGEST,
    )
    tail = Tail(process)
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(tail.read())
        try:
            yield tail
        finally:
            if tail.running:
                tail.interrupt()
            try:
                async with asyncio.timeout(30):
                    await process.wait()
                    await reading
            except TimeoutError:
                process.kill()
                raise


async def _take(stream: asyncio.StreamReader, lines: list[str]) -> None:
    async for line in stream:
        lines.append(line.decode(errors="replace").rstrip("\n"))  # noqa: PERF401 - seen as they come
