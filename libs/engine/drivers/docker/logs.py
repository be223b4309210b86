"""An instance's output from the engine's own store: resumed where it was left, and followed over restarts in place."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from libs.engine.drivers.docker.frames import SECOND, BadFrame, FrameReader
from libs.engine.drivers.docker.frames import piece as as_piece
from libs.engine.drivers.docker.wire import Refusal, Wire
from libs.engine.engine import LogPiece
from libs.engine.errors import EngineUnavailable
from libs.engine.track import SLACK, Seen, Track
from libs.engine.track import Place as Read

# How often a container that restarts is asked whether it runs again.
FIRST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.05, 1.0


class Place:
    """How far both streams were read. `at`: the engine is to be asked for pieces from that time on (ns).

    That is a little before the last piece: the streams' times may lie across each other in the engine's file.
    """

    def __init__(self, floor: int) -> None:
        self.at = floor
        self._floor = floor
        self._tracks = {stream: Track(Read(), floor) for stream in ("stdout", "stderr")}
        self._newest = self._tracks["stdout"]

    def rewind(self) -> None:
        """The engine will send the pieces from `at` on again."""
        latest = max(track.ceiling for track in self._tracks.values())
        self.at = max(self._floor, latest - SLACK)
        self._tracks = {stream: Track(track.place, self.at) for stream, track in self._tracks.items()}
        self._newest = max(self._tracks.values(), key=lambda track: track.ceiling)

    def is_new(self, piece: LogPiece) -> bool:
        """Whether this piece was not read before; notes it if so. Raises `EngineUnavailable` where a hole is before it.

        Who reads on anew from its own place will find the hole as well, and may tell it.
        """
        found = self._newest.found
        seen = self._tracks[piece.stream].take(piece.at)
        if seen is Seen.NEW_AFTER_LOSS and not found:
            raise EngineUnavailable("the engine let go of output while a container was started again")
        return seen is not Seen.OLD


class DockerLogs:
    """The `Logs` of one Docker Engine."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        # Where dockerd writes its process's number when it begins, unless it is told otherwise: beside its socket.
        self._pid_file = Path(wire.host.removeprefix("unix://")).with_suffix(".pid") if wire.local else None

    def began(self) -> int | None:
        """See `Logs.began`; dockerd tells it by the time of its file alone."""
        if self._pid_file is None:
            return None
        try:
            os.kill(int(self._pid_file.read_text()), 0)
        except PermissionError:
            pass  # there is one, and it is another user's
        except (OSError, ValueError, OverflowError):
            return None
        try:
            return self._pid_file.stat().st_mtime_ns
        except OSError:
            return None

    @asynccontextmanager
    async def logs(
        self, name: str, *, since: int = 0, follow: bool = True, tail: int | None = None
    ) -> AsyncIterator[AsyncIterator[LogPiece]]:
        """See `Logs.logs`."""
        async with AsyncExitStack() as stack:
            # What is older than the tail is not wanted later, either.
            place = Place(since if tail is None else max(since, time.time_ns()))
            first = await self._open(stack, name, since, follow=follow, tail=tail)
            yield self._read(name, place, first, self.began(), follow=follow)

    async def _read(
        self, name: str, place: Place, first: AsyncIterator[bytes] | None, began: int | None, *, follow: bool
    ) -> AsyncIterator[LogPiece]:
        """The engine's stream ends with each run of the process; go on with the next run, until there is none."""
        if first is None:
            return
        async for piece in _pieces(first, place):
            yield piece
        while follow:
            runs = await self._wait_for_a_run(name)
            async with AsyncExitStack() as stack:
                # Once more after the last run, too: what it wrote at its very end may have come after the stream's.
                place.rewind()
                again = await self._open(stack, name, place.at, follow=runs, tail=None)
                if again is None:
                    return
                if self.began() != began:
                    raise EngineUnavailable(f"the engine began anew while {name} was read")
                async for piece in _pieces(again, place):
                    yield piece
            follow = runs

    async def _wait_for_a_run(self, name: str) -> bool:
        """True once it runs; False if it ended for good."""
        delay = FIRST_LOOK_SECONDS
        while True:
            try:
                state = (await self._wire.ask("GET", f"containers/{name}/json"))["State"]
            except Refusal as refusal:
                if refusal.status == 404:
                    return False
                raise EngineUnavailable(f"the engine would not show {name}: {refusal}") from refusal
            if state["Status"] in {"running", "paused"}:
                return True
            if state["Status"] not in {"created", "restarting"}:
                return False
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_LOOK_SECONDS)

    async def _open(
        self, stack: AsyncExitStack, name: str, since: int, *, follow: bool, tail: int | None
    ) -> AsyncIterator[bytes] | None:
        """The raw output; None of a container that is not there."""
        query: dict[str, Any] = {"stdout": True, "stderr": True, "timestamps": True, "follow": follow}
        if since > 0:
            query["since"] = f"{since // SECOND}.{since % SECOND:09d}"
        if tail is not None:
            query["tail"] = tail
        try:
            return await stack.enter_async_context(self._wire.stream("GET", f"containers/{name}/logs", query=query))
        except Refusal as refusal:
            if refusal.status in {404, 409}:  # absent, or about to be
                return None
            raise EngineUnavailable(f"the engine would not give the output of {name}: {refusal}") from refusal


async def _pieces(chunks: AsyncIterator[bytes], place: Place) -> AsyncIterator[LogPiece]:
    frames = FrameReader()
    try:
        async for chunk in chunks:
            for stream, payload in frames.feed(chunk):
                piece = as_piece(stream, payload)
                if place.is_new(piece):
                    yield piece
    except BadFrame as error:
        raise EngineUnavailable(str(error)) from error
