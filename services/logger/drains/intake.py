"""How lines come to a drain: a feed of each of its apps, read at once, so that the drain's own bounds rule."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from libs.loglines import BATCH_LIMIT
from libs.loglines.selection import Selection
from services.logger.drains.buffer import MOST_PLACES, Buffer
from services.logger.drains.lot import Mark, Origin
from services.logger.drains.resuming import Start
from services.logger.feed import Batch, Cursor, Feed, Place, RingGone

FEED_BYTES = 2 * BATCH_LIMIT  # an agent's batch is stored at once, before anybody can take lines out


class Lines(Protocol):
    """Where feeds come from: the archive."""

    def feed(  # noqa: PLR0913 - the archive's
        self,
        app: str,
        uuid: str,
        selection: Selection,
        *,
        lines: int = 0,
        after: Cursor | None = None,
        bound: int = FEED_BYTES,
    ) -> Feed:
        """One reader of an app's ring."""
        ...


class Intake:
    """Follows apps; `took` is called when lines came."""

    def __init__(
        self, lines: Lines, buffer: Buffer, start: Start, took: Callable[[], None], selection: Selection | None
    ) -> None:
        self._selection = selection
        self._lines = lines
        self._buffer = buffer
        self._start = start
        self._took = took
        self._wanted: Mapping[str, str] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._begins: dict[str, asyncio.Event] = {}  # by uuid: set when a ring of the app begins
        self._changed = asyncio.Event()

    def follow(self, apps: Mapping[str, str], start: Start | None = None) -> None:
        """These apps from now on: names by uuid. `start`: for those that come new."""
        self._start = start or self._start
        wanted = dict(apps) if self._selection is not None else {}
        if wanted != self._wanted:
            self._wanted = wanted
            self._changed.set()

    def ring_began(self, uuid: str) -> None:
        """There is a ring of this app, which may have had another that is gone."""
        if (begins := self._begins.get(uuid)) is not None:
            begins.set()

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._changed.clear()
                for uuid in self._tasks.keys() - self._wanted.keys():
                    self._tasks.pop(uuid).cancel()
                for uuid, name in self._wanted.items():
                    task = self._tasks.get(uuid)
                    if task is None or task.done():
                        self._tasks[uuid] = group.create_task(self._take(name, uuid), name=f"drain {name}")
                await self._changed.wait()

    async def _take(self, name: str, uuid: str) -> None:
        """Take an app's lines, from one ring after another: one that is let go of begins anew when the app speaks."""
        start = self._start
        after = start.cursor(uuid, self._buffer.places)
        reached: dict[str, Place] = {}
        begins = self._begins[uuid] = asyncio.Event()
        now = start.first
        try:
            while True:
                await self._read((name, uuid), now, after, reached)
                await begins.wait()
                now = start
                # What waits for the receiver is not taken again, should the agents fill the new ring with it.
                before = start.cursor(uuid, self._buffer.places)
                after = Cursor("", {**(before.sources if before else {}), **reached})
        finally:
            if self._begins.get(uuid) is begins:
                del self._begins[uuid]

    async def _read(self, app: tuple[str, str], start: Start, after: Cursor | None, reached: dict[str, Place]) -> None:
        """Take an app's lines until its ring is gone."""
        clock = asyncio.get_running_loop().time
        assert self._selection is not None
        feed = self._lines.feed(*app, self._selection, after=after, bound=FEED_BYTES)
        self._begins[app[1]].clear()  # this feed's own ring is no news
        known = set(after.sources) if after else set()
        live = False
        try:
            while True:
                batch = await feed.batch()
                live |= batch.live
                self._add(app, batch, start, known, clock())
                for piece in batch.pieces:
                    reached.pop(piece.source.instance, None)
                    reached[piece.source.instance] = Place(0, piece.at, piece.nth)
                while len(reached) > MOST_PLACES:
                    del reached[next(iter(reached))]
        except RingGone:
            if not live:  # it went with lines that were yet to be read
                self._buffer.losses.count(None)
                self._took()
        finally:
            feed.close()

    def _add(self, app: tuple[str, str], batch: Batch, start: Start, known: set[str], at: float) -> None:
        name, uuid = app
        for missed in batch.missed:
            if missed.until is None or missed.until > start.cutoff:
                self._buffer.losses.count(missed.lines)
        for piece in batch.pieces:
            source, block, lines = piece[:3]
            mark = Mark(uuid, source.instance, piece.next, piece.at, piece.nth)
            if lines and source.instance not in known:
                block, lines = start.new(block, lines)
                if lines:
                    known.add(source.instance)
            if lines:
                origin = Origin(name, source.process, source.instance, source.release)
                self._buffer.add(origin, block, lines, mark, at=at)
            else:
                self._buffer.pass_by(mark)
        self._took()
