"""A follower: reads one instance's output through the engine, in order and to its end, into a lane."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from libs.engine import EngineError, LogPiece, Logs
from libs.keyspace.records import Instance
from libs.loglines import Known
from services.log_agent.catching_up import CatchingUp
from services.log_agent.cursors import Cursors
from services.log_agent.ends import ENDED, Ends
from services.log_agent.lane import FULL, Lane
from services.log_agent.logger_client import LoggerClient
from services.log_agent.outages import Outages
from services.log_agent.patience import until_answered
from services.log_agent.position import BadPosition, Position
from services.log_agent.reading import Reading
from services.log_agent.sender import Counts
from services.log_agent.watching import Watch, compare, told

log = structlog.get_logger("log_agent")

FIRST_PAUSE = 0.1  # seconds after an output that ended; doubled up to LONGEST_PAUSE
LONGEST_PAUSE = 5.0


@dataclass(frozen=True)
class Parts:
    """What every follower works with."""

    logs: Logs
    client: LoggerClient
    cursors: Cursors
    ends: Ends
    outages: Outages
    counts: Counts
    ready: Callable[[Lane], None]
    settled: Callable[[str], Awaitable[None]]  # once no line of an instance is under way
    refill: int  # lines of history for a logger that lost its memory
    stall_seconds: float  # how long an open stream may wait for room


class Follower:
    """Follows one instance. `saw` hands it the instance's newest record, `departed` that it has none any more."""

    def __init__(self, instance: Instance, parts: Parts) -> None:
        self._instance = instance
        self._parts = parts
        self._departed = False
        self._changed = asyncio.Event()
        self._reading = Reading()
        self._pace = CatchingUp()
        self._watch = Watch()
        self._lane: Lane | None = None
        self._leave: Callable[[], None] = lambda: None  # the open stream, at once
        self._mourned: datetime | None = None  # the end whose last words were told to be lost, perhaps
        self._refilling: Position | None = None  # what the logger had before it lost its memory

    def saw(self, instance: Instance) -> None:
        """The instance's record changed, or is there again."""
        if self._departed or instance != self._instance:
            self._instance, self._departed = instance, False
            self._changed.set()

    def departed(self) -> None:
        """The record is gone: what is left to read is read, and then the follower returns."""
        if not self._departed:
            self._departed = True
            self._changed.set()

    async def run(self) -> None:
        """Until the instance is gone and all that it said has arrived."""
        await self._parts.settled(self._instance.id)  # of the follower before, where the app moved away and is back
        asked = partial(self._parts.client.known, self._instance.app_uuid, self._instance.id)
        lane = self._lane = self._begin(await until_answered(asked))
        try:
            await self._follow(lane)
        finally:
            self._lane = None
            lane.leave()

    async def check(self) -> None:
        """Compare what the open stream said with what is stored, where it is time to."""
        if not self._stands_full and self._watch.due():
            await self._compare()

    @property
    def _stands_full(self) -> bool:
        """Whether its stream is not read for now, since the lane has no room: that is no silence of the stream's."""
        return self._lane is not None and self._lane.full

    async def _compare(self) -> None:
        """What the open stream passed over is told; a stream that says no more is left."""
        watch, lane, question = self._watch, self._lane, self._watch.ask()
        try:
            found = await compare(question, self._parts.logs, self._instance.name)
        except EngineError as error:
            log.debug("compares later", instance=self._instance.id, reason=str(error))
            watch.again(question)
            return
        if lane is None or lane is not self._lane:  # it is another follower's by now
            return
        if found.torn:
            self._parts.counts.gaps += 1
            lane.put([told(found.torn)])
        if found.lags and watch.stands(question) and not self._stands_full:
            self._parts.counts.silences += 1
            self._leave()

    async def _follow(self, lane: Lane) -> None:
        pause = FIRST_PAUSE
        while True:
            self._changed.clear()
            instance, departed = self._instance, self._departed
            before = lane.lines
            try:
                await self._read(lane)
            except EngineError as error:
                log.debug("reads on later", instance=instance.id, reason=str(error))
                whole = False
            else:
                await lane.drained()
                whole = lane.lines == before  # from one end to the next there was nothing more
                if whole and departed:
                    return
            told = whole and instance.state in ENDED
            if told:
                self._parts.ends.read(instance)
            pause = FIRST_PAUSE if lane.lines > before else min(pause * 2, LONGEST_PAUSE)
            await self._change(None if told else pause)

    def _begin(self, known: Known) -> Lane:
        """Go on where the logger says; one that knows nothing gets what it had, and otherwise all that there is."""
        reading, number = known.reading, known.next
        if reading:
            try:
                self._reading = Reading(Position.decode(known.position))
            except BadPosition:
                log.warning("the logger's position is none; reads from the begin", instance=self._instance.id)
                reading = ""
        if not reading:
            reading, number = secrets.token_hex(4), 0
            self._refilling = self._parts.cursors.get(self._instance.id)
        return Lane(self._instance, reading, number, self._parts.ready, self._stand)

    def _stand(self) -> str:
        """Where it stands behind the lines that it put into its lane."""
        return self._reading.position.encode()

    async def _read(self, lane: Lane) -> None:
        """Read on until the output ends; raises `EngineError`."""
        whole = False
        while not whole:
            whole = await self._read_pieces(lane)
            if self._watch.doubtful:
                await self._compare()
            await lane.room()

    async def _read_pieces(self, lane: Lane) -> bool:
        """Put what the engine has into the lane; True when that was all, False when it must be opened anew."""
        try:
            async with asyncio.timeout(None) as scope:
                self._leave = lambda: None if scope.expired() else scope.reschedule(0)
                return await self._put_pieces(lane)
        except TimeoutError:
            self._pace.doubts()
            return False
        finally:
            self._leave = lambda: None

    async def _put_pieces(self, lane: Lane) -> bool:
        parts, tail = self._parts, None if self._refilling is None else self._parts.refill
        reading = self._reading = Reading(self._reading.position)  # a line that was open is read again
        pace, watch, cut = self._pace, self._watch, 0
        pace.begins()
        if pace.following:
            watch.begins()
        try:
            async with (
                parts.logs.logs(self._instance.name, since=reading.since, tail=tail, follow=pace.following) as opened,
                closed_behind(opened) as pieces,
            ):
                reading.expect(parts.outages.look(), None if tail is not None else _ns(self._instance.started))
                async for piece in pieces:
                    if self._refilling is not None:
                        refilling, self._refilling = self._refilling, None
                        if piece.at > refilling.latest:
                            self._reading = Reading(refilling)  # the tail does not hold all that is unread
                            return False
                    if pace.following:
                        if reading.repeats(piece):
                            pace.doubts()
                            return False
                        watch.saw(piece.at)
                    if stored := reading.add(piece):
                        lane.put(stored)
                        if lane.full:
                            late = not reading.open and pace.took(FULL + reading.cut - cut, piece.at)
                            cut = reading.cut
                            if late or not await self._room(lane):
                                return False
            if pace.ended():
                return False
            lane.put(reading.end() + self._last_words(reading))
            return True
        finally:
            watch.ends()
            parts.counts.gaps += reading.gaps
            parts.counts.cut_bytes += reading.cut

    def _last_words(self, reading: Reading) -> list[bytes]:
        """What is to be told, once, of the last words of an instance that stopped about an outage of the engine."""
        instance = self._instance
        finished = _ns(instance.finished)
        if instance.state not in ENDED or finished is None or instance.finished == self._mourned:
            return []
        if self._parts.ends.told(instance):
            return []
        self._mourned = instance.finished
        return reading.outage_at_end(finished)

    async def _room(self, lane: Lane) -> bool:
        """True once the lane has room; False when that takes long.

        An open stream that is not read misses what the engine rotates away meanwhile, and nobody would know.
        """
        try:
            async with asyncio.timeout(self._parts.stall_seconds):
                await lane.room()
        except TimeoutError:
            self._parts.counts.stalls += 1
            return False
        return True

    async def _change(self, seconds: float | None) -> None:
        """Return once the record changed, at the latest after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass


def _ns(time: datetime | None) -> int | None:
    """A time in nanoseconds."""
    return None if time is None else int(time.timestamp() * 1_000_000) * 1000


@asynccontextmanager
async def closed_behind(pieces: AsyncIterator[LogPiece]) -> AsyncIterator[AsyncIterator[LogPiece]]:
    """The pieces; a generator that was left before its end is closed at once, and what it holds open with it."""
    try:
        yield pieces
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()
