"""One drain's course: lines of its apps into its buffer, and from there to its receiver, whatever happens to that."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from libs.keyspace.document import now
from libs.keyspace.records import Drain, DrainState
from libs.loglines.selection import BadSelection, Selection, parse
from services.logger.drains.buffer import Buffer
from services.logger.drains.intake import Intake, Lines
from services.logger.drains.kind import Away, Batch, Connection, Refused, Target, Terms, kind_of
from services.logger.drains.lot import Lot, Origin
from services.logger.drains.rendering import Layout
from services.logger.drains.resuming import Start, placed

FIRST_BACKOFF, LONGEST_BACKOFF = 0.1, 30.0  # seconds, each with full jitter
LOOK_SECONDS = 0.25  # between two looks at what has settled
IDLE_SECONDS = 5.0  # between two looks while nothing goes on

log = structlog.get_logger("logger")


@dataclass(frozen=True)
class Bounds:
    """How much waits for a receiver, for how long, and how its lines look."""

    size: int = 8 * 1024 * 1024  # bytes
    age: float = 900.0  # seconds
    longest: int = 128 * 1024  # bytes of a line; 0: any
    number: int = 32473  # of the enterprise that structured data is named after


class Course:
    """Runs until it is cancelled. `target` opens what is sealed, and raises `Away` where it cannot be opened."""

    def __init__(  # noqa: PLR0913 - what a drain is, and what all of them share
        self,
        drain: Drain,
        lines: Lines,
        *,
        target: Callable[[Drain], Target],
        terms: Terms,
        bounds: Bounds,
        start: Start,
    ) -> None:
        self.drain = drain
        self._target = target
        self._terms = terms
        self._bounds = bounds
        self._before = start.state
        self._buffer = Buffer(size=bounds.size, age=bounds.age)
        self._news = asyncio.Event()
        self._under_way: deque[Batch] = deque()  # sent or about to be, and not settled
        self._unsent: deque[Batch] = deque()  # of them, those to be sent again
        self._run = secrets.token_hex(4)
        self._failures = 0
        self._error = ""
        self._failing: datetime | None = None
        self._began = now()
        self._intake = Intake(lines, self._buffer, start, self._wake, self._selection())

    def _selection(self) -> Selection | None:
        """What it selects; None where that is of a later release, and then it takes nothing."""
        try:
            return parse(self.drain.select, now=now(), strict=True)
        except BadSelection as error:
            self._fail(f"its filters cannot be read: {error}")
            return None

    def follow(self, apps: Mapping[str, str], start: Start | None = None) -> None:
        """Take the lines of these apps from now on: names by uuid. `start`: for those that come new."""
        self._intake.follow(apps, start)

    def ring_began(self, uuid: str) -> None:
        """There is a ring of this app, which may have had another that is gone."""
        self._intake.ring_began(uuid)

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._intake.run(), name="take lines in")
            group.create_task(self._deliver(), name="deliver them")

    def state(self) -> DrainState:
        """How it fares, all in all."""
        held = [lot for batch in self._under_way for lot in batch.lots if lot.first]
        waiting = self._buffer.lines + sum(lot.lines for lot in held)
        behind = [lot.oldest for lot in held[:1]]
        if self._buffer.oldest is not None:
            behind.append(self._buffer.oldest)
        before = self._before
        newest = max(self._buffer.newest, before.until if before else 0)
        return DrainState(
            sent=self._buffer.sent + (before.sent if before else 0),
            dropped=self._buffer.losses.dropped + (before.dropped if before else 0),
            waiting=waiting,
            until=max(min(behind) - 1, 0) if behind else newest,
            error=self._error,
            failing=self._failing,
            places=placed(before.places if before else {}, self._buffer.places),
            since=before.since if before else self._began,
            updated=now(),
        )

    async def _deliver(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            while not self._something(clock()):
                await self._wait(IDLE_SECONDS)
            try:
                await self._connect()
            except Away as error:
                pause = error.pause
                self._fail(str(error))
            except Exception as error:  # whatever a receiver makes happen, it is this drain's alone
                pause = LONGEST_BACKOFF
                log.exception("a drain failed in an unexpected way", drain=self.drain.id)
                self._fail(f"unexpected: {type(error).__name__}")
            else:
                pause = 0.0
            longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** min(self._failures, 10))
            until = clock() + max(pause, random.uniform(0, longest))
            while (left := until - clock()) > 0:
                self._expire(clock())
                await asyncio.sleep(min(left, IDLE_SECONDS))

    async def _connect(self) -> None:
        kind = kind_of(self.drain.url)
        layout = kind.layout(Layout(self.drain.token, self._run, self._bounds.number, longest=self._bounds.longest))
        async with kind.connect(self._target(self.drain), layout, self._terms, self._wake) as connection:
            try:
                await self._converse(connection, kind.PACE.size, kind.PACE.linger)
            finally:
                self._settle(connection)
                self._unsent = deque(self._under_way)

    async def _converse(self, connection: Connection, size: int, linger: float) -> None:
        """Send what comes, until the connection is lost."""
        clock = asyncio.get_running_loop().time
        while True:
            self._news.clear()
            self._expire(clock())
            self._settle(connection)
            if connection.lost:
                raise Away(connection.lost)
            if self._unsent:
                await self._send(connection, self._unsent.popleft())
                continue
            rest = self._rest(clock(), size, linger)
            if rest <= 0:
                batch = self._batch(clock(), size)
                self._under_way.append(batch)
                await self._send(connection, batch)
            else:
                await self._wait(min(rest, LOOK_SECONDS) if self._under_way else rest)

    async def _send(self, connection: Connection, batch: Batch) -> None:
        try:
            await connection.send(batch)
        except Refused as error:
            self._settle(connection)
            self._under_way.remove(batch)
            self._buffer.settle(batch.lots, arrived=False)
            self._fail(f"{error}; the lines are dropped")
            self._failures = 0  # it answers

    def _settle(self, connection: Connection) -> None:
        for _ in range(connection.settled()):
            self._buffer.settle(self._under_way.popleft().lots, arrived=True)
            self._failures, self._error, self._failing = 0, "", None

    def _expire(self, at: float) -> None:
        """Let go of what is too old, be it waiting or to be sent again."""
        self._buffer.expire(at)
        while self._unsent and all(self._buffer.is_old(lot, at) for lot in self._unsent[0].lots):
            batch = self._unsent.popleft()
            self._under_way.remove(batch)
            self._buffer.settle(batch.lots, arrived=False)

    def _something(self, at: float) -> bool:
        return bool(self._under_way or self._buffer.lines or self._buffer.losses.is_due(at))

    def _rest(self, at: float, size: int, linger: float) -> float:
        """Seconds until the next batch is due."""
        if self._buffer.size >= size or self._buffer.losses.is_due(at):
            return 0.0
        since = self._buffer.since
        return IDLE_SECONDS if since is None else since + linger - at

    def _batch(self, at: float, size: int) -> Batch:
        """The next lines; first, what the receiver is to know of those that it will never get."""
        notice: tuple[Lot, ...] = ()
        if self._buffer.losses.is_due(at):
            origin = Origin(self.drain.app or "deis", "deis", "", 0)
            notice = (Lot(origin, self._buffer.losses.tell(at), 1, 0, at),)
        return Batch(secrets.token_hex(16).upper(), notice + self._buffer.take(size))

    def _fail(self, error: str) -> None:
        self._failures += 1
        if self._failing is None:
            self._failing = now()
            log.info("a drain's receiver takes nothing", drain=self.drain.id, app=self.drain.app, reason=error)
        self._error = error[:500]

    def _wake(self) -> None:
        self._news.set()

    async def _wait(self, seconds: float) -> None:
        self._news.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            pass
