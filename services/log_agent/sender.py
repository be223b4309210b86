"""The sender: takes what the lanes hold, in turn, and hands it to one boot of one logger until it is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from libs.loglines import Ack, Frame
from services.log_agent.lane import Lane
from services.log_agent.logger_client import BatchRefused, LoggerAway, LoggerClient
from services.log_agent.patience import until_answered

LINGER = 0.01  # seconds that a batch waits for more lines
BATCH = 1024 * 1024  # bytes; a batch that has as many takes no further frame
WINDOW = 4  # batches under way at once: while one is stored, the next is on the line, and a third is made

log = structlog.get_logger("log_agent")


@dataclass(slots=True)
class Counts:
    """What the agent did since its start, in lines."""

    sent: int = 0
    doubles: int = 0  # the logger had them already
    refused: int = 0  # the logger will never take them: lost
    batches: int = 0
    failures: int = 0  # tries that were not answered
    gaps: int = 0  # holes found in the engine's files, and outages of the engine
    stalls: int = 0  # outputs that were closed for the while, since the logger took nothing
    silences: int = 0  # open streams of the engine that said no more, though more was stored
    cut_bytes: int = 0  # of overlong lines


class Sender:
    """Several batches under way; each lane with lines has a turn, so that a loud instance does not silence others.

    A lane is in one batch at a time, so its lines arrive in order. What is under way is bounded: `WINDOW` batches of
    little more than `BATCH` bytes.
    """

    def __init__(self, client: LoggerClient, boot: str, counts: Counts, arrived: Callable[[Frame], None]) -> None:
        self._client = client
        self._boot = boot
        self._counts = counts
        self._arrived = arrived
        self._waiting: dict[Lane, None] = {}  # in turn
        self._flying: dict[str, Lane] = {}  # by instance
        self._window = asyncio.Semaphore(WINDOW)
        self._some = asyncio.Event()
        self._much = asyncio.Event()

    def ready(self, lane: Lane) -> None:
        """A lane has lines to send."""
        self._waiting[lane] = None
        self._some.set()
        if lane.full:
            self._much.set()

    async def settled(self, instance: str) -> None:
        """Return once no frame of an instance is under way, of whichever lane."""
        while (lane := self._flying.get(instance)) is not None:
            await lane.landed()

    async def run(self) -> None:
        """For ever; raises `LoggerForgot` when the logger's boot is another one."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._some.wait()
                await self._window.acquire()
                try:
                    async with asyncio.timeout(LINGER):
                        await self._much.wait()
                except TimeoutError:
                    pass
                if batch := self._collect():
                    group.create_task(self._deliver(batch), name="deliver a batch")
                else:
                    self._window.release()

    def _collect(self) -> list[tuple[Lane, Frame]]:
        """A batch of frames, of the lanes that waited longest."""
        batch: list[tuple[Lane, Frame]] = []
        size = 0
        while self._waiting and size < BATCH:
            lane = next(iter(self._waiting))
            del self._waiting[lane]
            if frame := lane.take():
                self._flying[lane.instance.id] = lane
                batch.append((lane, frame))
                size += len(frame.block)
        if not self._waiting:
            self._some.clear()
        if not any(lane.full for lane in self._waiting):
            self._much.clear()
        return batch

    async def _deliver(self, batch: list[tuple[Lane, Frame]]) -> None:
        """Send until it is answered: what was taken before is not taken twice."""
        try:
            await self._send([frame for _, frame in batch])
        finally:
            self._window.release()
        for lane, frame in batch:
            del self._flying[lane.instance.id]
            self._arrived(frame)
            lane.arrived()

    async def _send(self, frames: list[Frame]) -> None:
        counts = self._counts

        async def send() -> Ack:
            try:
                return await self._client.send(self._boot, frames)
            except LoggerAway:
                counts.failures += 1
                raise

        try:
            ack = await until_answered(send)
        except BatchRefused as error:
            counts.refused += sum(frame.header.lines for frame in frames)
            log.error("the logger refuses a batch", frames=len(frames), reason=str(error))  # noqa: TRY400 - its word is all
            return
        counts.batches += 1
        counts.sent += ack.lines
        counts.doubles += ack.doubles
        for refused in ack.refused:
            header = frames[refused.index].header
            counts.refused += header.lines
            log.error("the logger refuses lines", instance=header.instance, reason=refused.reason)
