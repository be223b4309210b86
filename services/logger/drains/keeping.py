"""Which drains run here, and what is written of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import structlog

from libs.keyspace.records import Drain, DrainState, MeshMember
from libs.keyspace.records.logs import PLATFORM
from libs.loglines.sharing import logger_of
from libs.store import StoreUnavailable
from libs.store.mirror import Mirror
from libs.store.shelf import Shelf
from services.logger.drains.course import Course
from services.logger.drains.resuming import Start, start_of

LOOK_SECONDS = 5.0  # between two looks if nothing changes
MOST_WRITES = 32  # states at a look
LAST_WORDS_SECONDS = 2.0
FILLING_SECONDS = 60.0  # after our start, in which agents may fill the rings with history again

log = structlog.get_logger("logger")

Names = Callable[[], Sequence[tuple[str, str]]]
"""The name and the uuid of each app that has a ring here."""


@dataclass(frozen=True)
class Mirrors:
    """What the store has of drains and loggers."""

    drains: Mirror[Drain]
    states: Mirror[DrainState]
    loggers: Mirror[MeshMember]

    @property
    def sure(self) -> bool:
        """Whether they can be acted on; while they are in doubt, what runs goes on and nothing begins."""
        return all(mirror.complete and mirror.current for mirror in (self.drains, self.states, self.loggers))


@dataclass(eq=False)
class Running:
    """A drain that runs here."""

    course: Course
    task: asyncio.Task[None]
    apps: dict[str, str] = field(default_factory=dict)  # names by uuid
    written: DrainState | None = None


def wanted(
    drains: Collection[tuple[tuple[str, ...], Drain]],
    members: Sequence[MeshMember],
    names: Sequence[tuple[str, str]],
    own: str,
) -> dict[str, tuple[Drain, dict[str, str]]]:
    """The drains that this logger runs, by id, each with the names of its apps by uuid."""

    def kept(uuid: str) -> bool:
        keeper = logger_of(uuid, members)
        return keeper is not None and keeper.id == own

    found: dict[str, tuple[Drain, dict[str, str]]] = {}
    here: dict[str, str] | None = None
    for (scope, id_), drain in drains:
        if scope == PLATFORM:
            here = here if here is not None else {uuid: name for name, uuid in names if kept(uuid)}
            found[id_] = (drain, here)
        elif kept(scope):
            found[id_] = (drain, {scope: drain.app})
    return found


class Keeping:
    """Keeps a course for each drain that belongs here."""

    def __init__(
        self,
        own: str,
        mirrors: Mirrors,
        shelf: Shelf[DrainState],
        names: Names,
        begin: Callable[[Drain, Start], Course],
    ) -> None:
        self._own = own
        self._mirrors = mirrors
        self._shelf = shelf
        self._names = names
        self._begin = begin
        self._running: dict[str, Running] = {}
        self._changed = asyncio.Event()
        self._began: float | None = None  # the clock's time of the first look
        for mirror in (mirrors.drains, mirrors.loggers):
            mirror.on_change(self._moved)

    def wake(self) -> None:
        """Look again: there is another ring, or another record."""
        self._changed.set()

    def ring_began(self, _name: str, uuid: str) -> None:
        """A ring of this app begins: the first, or one in place of another that was let go of."""
        for running in self._running.values():
            running.course.ring_began(uuid)
        self.wake()

    async def run(self) -> None:
        """For ever. When it ends, the last states are written, as far as that goes quickly."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._changed.clear()
                    if self._mirrors.sure and self._present():
                        self._look(group)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_SECONDS):
                            await self._changed.wait()
        finally:
            with suppress(TimeoutError, StoreUnavailable):
                async with asyncio.timeout(LAST_WORDS_SECONDS):
                    for running in self._running.values():
                        await self._write(running)

    async def write_states(self) -> None:
        """Write the states that changed, those first that were written longest ago. Raises `StoreUnavailable`."""
        if not self._mirrors.sure:
            return
        waiting = sorted(self._running.values(), key=lambda one: one.written.updated.timestamp() if one.written else 0)
        left = MOST_WRITES
        for running in waiting:
            if left and await self._write(running):
                left -= 1

    def figures(self) -> Mapping[str, DrainState]:
        """How each drain fares that runs here, by id."""
        return {id_: running.course.state() for id_, running in self._running.items()}

    def _look(self, group: asyncio.TaskGroup) -> None:
        clock = asyncio.get_running_loop().time()
        self._began = clock if self._began is None else self._began
        filled = clock - self._began >= FILLING_SECONDS
        members = [member for _, member in self._mirrors.loggers.items()]
        want = wanted(self._mirrors.drains.items(), members, self._names(), self._own)
        for id_ in self._running.keys() - want.keys():
            self._end(group, id_)
        for id_, (drain, apps) in want.items():
            running = self._running.get(id_)
            if running is not None and running.apps == apps:
                continue
            states = {parts[1]: state for parts, state in self._mirrors.states.items(id_)}
            start = start_of(drain, states.pop(self._own, None), list(states.values()), filled=filled)
            if running is None:
                course = self._begin(drain, start)
                task = group.create_task(course.run(), name=f"drain {id_}")
                running = self._running[id_] = Running(course, task)
                course.follow(apps)
            else:  # rings that began since, or apps that another logger kept: all of theirs is news
                running.course.follow(apps, replace(start, fresh=False, live=False))
            running.apps = dict(apps)

    def _end(self, group: asyncio.TaskGroup, id_: str) -> None:
        """Run it no more. Another logger goes on behind its last state, unless the drain is gone."""
        running = self._running.pop(id_)
        running.task.cancel()
        if any(parts[1] == id_ for parts, _ in self._mirrors.drains.items()):
            group.create_task(self._part(running), name=f"hand on drain {id_}")

    async def _part(self, running: Running) -> None:
        last = running.course.state().changed(waiting=0, error="", failing=None)
        with suppress(StoreUnavailable):
            await self._shelf.put(last, running.course.drain.id, self._own)

    async def _write(self, running: Running) -> bool:
        """Write a state if it says anything new, and say so. The controller deletes those of drains that are gone."""
        state, before = running.course.state(), running.written
        if before is not None and state.changed(updated=before.updated) == before:
            return False
        await self._shelf.put(state, running.course.drain.id, self._own)
        running.written = state
        return True

    def _present(self) -> bool:
        """Whether we stand among the loggers: else ours may be others' in a moment, or not, and that is unknown."""
        return self._mirrors.loggers.get("logger", self._own) is not None

    def _moved(self, _: object) -> None:
        self.wake()
