"""How lines come to a drain: a feed of each of its apps, read at once, so that the drain's own bounds rule."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from libs.loglines import BATCH_LIMIT
from libs.loglines.selection import Selection
from services.logger.drains.buffer import Buffer
from services.logger.drains.lot import Mark, Origin
from services.logger.drains.resuming import Start
from services.logger.feed import Batch, Cursor, Feed, RingGone

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
        self._changed = asyncio.Event()

    def follow(self, apps: Mapping[str, str], start: Start | None = None) -> None:
        """These apps from now on: names by uuid. `start`: for those that come new."""
        self._start = start or self._start
        wanted = dict(apps) if self._selection is not None else {}
        if wanted != self._wanted:
            self._wanted = wanted
            self._changed.set()

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
        """Take an app's lines until it is forgotten."""
        clock = asyncio.get_running_loop().time
        assert self._selection is not None
        start = self._start
        after = start.cursor(uuid, self._buffer.places)
        feed = self._lines.feed(name, uuid, self._selection, after=after, bound=FEED_BYTES)
        known = set(after.sources) if after else set()
        try:
            while True:
                self._add((name, uuid), await feed.batch(), start, known, clock())
        except RingGone:
            self._tasks.pop(uuid, None)
            self._wanted = {key: value for key, value in self._wanted.items() if key != uuid}
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
