"""What a follower is told of a change until it is settled: its release's course, and what its new instances write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable

from libs.engine import Logs
from libs.keyspace.records import App, Planned, Rollout
from services.controller import following
from services.controller.backlog import Backlog
from services.controller.lines import Lines, ReaderGone
from services.controller.output import hear_output
from services.controller.picture import CATCHES_UP, Picture
from services.controller.release_course import in_full
from services.controller.shapes import Shape

TURN = 0.1  # seconds between two helpings of log lines
LINES_A_TURN = 20
LINES_KEPT = 500  # that wait for their turn; older ones are lost, and told as lost
INSTANCES_HEARD = 20  # new ones, of one change

Sight = tuple[App | None, Rollout | None]


class Telling:
    """Everything of one change, for one follower. Without an engine that has logs nothing of the output is told.

    Where the release is superseded, the one that came in its place is told of from there on.
    """

    def __init__(
        self, picture: Picture, engine: Logs | None, app: App, release: int | None, before: Collection[str]
    ) -> None:
        self._picture, self._app, self._release, self._before = picture, app, release, frozenset(before)
        self._engine = engine
        self._backlog = Backlog(LINES_KEPT)
        self._woken = asyncio.Event()
        self._ended = asyncio.Event()
        self._told: Shape | None = None  # of the release
        self._result: Shape | None = None

    async def begin(self) -> None:
        """Return once the release can be told: its record may be seen after that of the app which wants it."""
        uuid, number = self._app.uuid, self._release
        if number is not None:
            await self._picture.releases.until(lambda: self._picture.release(uuid, number), limit=CATCHES_UP)

    def end(self, result: Shape) -> None:
        """The change is settled: this comes behind all that is still to be told."""
        self._note()
        self._result = result
        self._ended.set()
        self._woken.set()

    async def tell(self, lines: Lines, gone: Callable[[], None]) -> None:
        """Write what there is, log lines at a bounded pace, until the result is told or the reader is gone."""
        try:
            while self._result is None:
                if not await _came(self._woken, within=following.HEARTBEAT):
                    await lines.say()
                self._woken.clear()
                while self._backlog and self._result is None:
                    await lines.say(*self._backlog.take(LINES_A_TURN))
                    await _came(self._ended, within=TURN)
            await lines.say(*self._backlog.take(), self._result)
        except ReaderGone:
            gone()

    async def watch(self) -> None:
        """Take note of the release's course and of what its new instances write, for ever."""
        seen: Sight | None = None
        heard = set(self._before)

        def look() -> Sight | None:
            now = self._look()
            return None if seen is not None and all(new is old for new, old in zip(now, seen, strict=True)) else now

        async with asyncio.TaskGroup() as hearing:
            while True:
                found = await self._picture.rollouts.until(look, limit=following.HEARTBEAT)
                if found is None:
                    continue
                seen = found
                self._note()
                for planned in self._new(found[1], heard):
                    heard.add(planned.id)
                    hearing.create_task(self._hear(planned))

    def _number(self, app: App) -> int:
        """The release to tell of."""
        own = self._picture.rollouts.mirror.get(app.uuid, self._release or 0)
        overtaken = own is not None and own.phase == "superseded"
        return max(app.release, self._release or 0) if overtaken else self._release or 0

    def _look(self) -> Sight:
        app = self._picture.apps.mirror.get(self._app.id)
        if app is None or app.uuid != self._app.uuid or self._release is None:
            return None, None
        return app, self._picture.rollouts.mirror.get(app.uuid, self._number(app))

    def _note(self) -> None:
        """Tell the release as it is now, if it is not as it was told."""
        app, _ = self._look()
        release = self._picture.release(app.uuid, self._number(app)) if app is not None else None
        shape = None if app is None or release is None else in_full(self._picture, app, release)[0]
        if shape is not None and shape != self._told:
            self._told = shape
            self._backlog.release(shape)
            self._woken.set()

    def _new(self, rollout: Rollout | None, heard: set[str]) -> Iterable[Planned]:
        if rollout is None or self._engine is None:
            return ()
        room = INSTANCES_HEARD - len(heard - self._before)
        return [planned for planned in rollout.planned if planned.id not in heard][:room]

    async def _hear(self, planned: Planned) -> None:
        """Hear what an instance writes, once a node reports it: before that the engine may not have it."""

        def there() -> bool | None:
            return any(one.id == planned.id for _, one in self._picture.instances_of(self._app.uuid)) or None

        while await self._picture.instances.until(there, limit=following.HEARTBEAT) is None:
            pass
        if self._engine is not None:
            await hear_output(self._engine, planned, self._line)

    def _line(self, shape: Shape) -> None:
        self._backlog.line(shape)
        self._woken.set()


async def _came(event: asyncio.Event, *, within: float) -> bool:
    """Whether it came in so many seconds."""
    try:
        async with asyncio.timeout(within):
            return await event.wait()
    except TimeoutError:
        return False
