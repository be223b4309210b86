"""Commands in containers: run to their end, and ended where they go on after their time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from libs.engine.drivers.docker.frames import BadFrame, FrameReader
from libs.engine.drivers.docker.sessions import kill_session
from libs.engine.drivers.docker.wire import DYING, Refusal, Wire
from libs.engine.engine import Executed
from libs.engine.errors import EngineUnavailable, ExecTimedOut, InstanceRefused
from libs.engine.output import TOLD_BYTES, tail

# The engine answers before it has begun a command, and ends the output before it knows the exit code: it is asked so
# often. While it begins one in a container, it does not answer (20.10).
FIRST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.005, 0.2
LOOK_SECONDS = 4.0  # for the engine to answer that
BEGIN_SECONDS = 10.0  # for the engine to begin a command
ENDING_SECONDS = 5.0  # for finding and ending a command whose time is over
LINGERING_KEPT = 1000

Found = dict[str, Any]  # as the engine inspects
Look = Callable[[str], Awaitable[Found | None]]


class DockerExec:
    """The `Exec` of one Docker Engine. `own` inspects a container of the platform.

    A command is ended by its number on this host, so only where the engine is local; one that cannot be ended is
    remembered, and while it goes on there is no second one in that container.
    """

    def __init__(self, wire: Wire, own: Look) -> None:
        self._wire = wire
        self._own = own
        self._lingering: dict[str, str] = {}  # a command that could not be ended, by container id

    async def execute(self, name: str, command: tuple[str, ...], *, seconds: float) -> Executed:
        """See `Exec.execute`. The time counts from the command's beginning: what the engine needs before is not its."""
        there = await self._own(name)
        if there is None:
            raise InstanceRefused(name, f"No such container: {name}")
        container = there["Id"]
        if (before := self._lingering.get(container)) is not None:
            await self._end(before, container)
            if container in self._lingering:
                raise InstanceRefused(name, "an earlier command there is over its time, and cannot be ended from here")
        id_ = await self._create(name, container, command)
        output = bytearray()
        try:
            found = await self._run(there, id_, output, seconds)
        except TimeoutError as error:
            by_itself = await self._end(id_, container)
            if by_itself is None:
                raise ExecTimedOut(name, command, seconds) from error
            found = by_itself
        except asyncio.CancelledError:  # nobody waits for it any more: nor may it go on
            with suppress(EngineUnavailable):
                await self._end(id_, container)
            raise
        words = tail(bytes(output))
        if not found["Pid"]:  # it never began: then this is the engine's own word, and the code is its own, too
            if any(word in words.lower() for word in DYING):
                raise EngineUnavailable(f"the engine could not execute anything in {name}: {words.strip()}")
            raise InstanceRefused(name, words.strip() or f"it did not begin (exit code {found['ExitCode']})")
        return Executed(found["ExitCode"], words)

    async def _create(self, name: str, container: str, command: tuple[str, ...]) -> str:
        body = {"AttachStdout": True, "AttachStderr": True, "Cmd": list(command)}
        try:
            made: dict[str, str] = await self._wire.ask("POST", f"containers/{container}/exec", body=body)
        except Refusal as refusal:
            if refusal.status < 500:
                raise InstanceRefused(name, refusal.words) from refusal
            raise EngineUnavailable(f"the engine would not prepare a command in {name}: {refusal}") from refusal
        return made["Id"]

    async def _run(self, there: Found, id_: str, output: bytearray, seconds: float) -> Found:
        """Start it, and read it to its end. Raises `TimeoutError`."""
        name, frames = there["Name"].removeprefix("/"), FrameReader()
        body = {"Detach": False, "Tty": False}
        try:
            async with self._wire.stream("POST", f"exec/{id_}/start", body=body) as chunks:
                await self._begin(name, id_, there["Id"])
                async with asyncio.timeout(seconds):
                    async for chunk in chunks:
                        for _, payload in frames.feed(chunk):
                            output += payload
                            del output[: -2 * TOLD_BYTES]
                    found = await self._until(id_, ended)
        except Refusal as refusal:
            raise InstanceRefused(name, refusal.words) from refusal
        except BadFrame as error:
            raise EngineUnavailable(str(error)) from error
        if found is not None:
            return found
        now = await self._own(name)
        if now is not None and now["State"]["Running"]:
            raise EngineUnavailable(f"the engine forgot a command in {name}")  # it was restarted
        raise InstanceRefused(name, "it stopped meanwhile")

    async def _begin(self, name: str, id_: str, container: str) -> None:
        """Wait until it has begun, or could not."""
        try:
            async with asyncio.timeout(BEGIN_SECONDS):
                await self._until(id_, begun)
        except (EngineUnavailable, TimeoutError) as error:
            self._linger(id_, container)  # it may begin yet
            raise EngineUnavailable(f"the engine did not begin a command in {name} in time") from error

    async def _until(self, id_: str, holds: Callable[[Found], bool]) -> Found | None:
        """The command once this holds; None if the engine does not know it (any more)."""
        delay = FIRST_LOOK_SECONDS
        while (found := await self._inspect(id_)) is not None and not holds(found):
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_LOOK_SECONDS)
        return found

    async def _inspect(self, id_: str) -> Found | None:
        try:
            found: Found = await self._wire.ask("GET", f"exec/{id_}/json", seconds=LOOK_SECONDS)
        except Refusal as refusal:
            if refusal.status == 404:
                return None
            raise EngineUnavailable(f"the engine would not show a command: {refusal}") from refusal
        return found

    async def _end(self, id_: str, container: str) -> Found | None:
        """End what is over its time; the command as it is if it had ended by itself."""
        self._linger(id_, container)
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDING_SECONDS):
                found = await self._until(id_, begun)
                if found is not None and not ended(found):
                    if not await self._kill(found["Pid"], container):
                        return None
                    await self._until(id_, ended)
                    found = None
                self._lingering.pop(container, None)
                return found
        return None

    async def _kill(self, pid: int, container: str) -> bool:
        return self._wire.local and await asyncio.to_thread(kill_session, pid, container)

    def _linger(self, id_: str, container: str) -> None:
        while len(self._lingering) >= LINGERING_KEPT:
            del self._lingering[next(iter(self._lingering))]
        self._lingering[container] = id_


def begun(found: Found) -> bool:
    """Whether an inspected command has begun, or never will."""
    return found["Pid"] > 0 or ended(found)


def ended(found: Found) -> bool:
    """Whether an inspected command is over."""
    return found["ExitCode"] is not None and not found["Running"]
