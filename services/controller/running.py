"""One-off runs: a command in a new container of an app's release, from its start to its removal.

A run goes on when the one who asked for it hangs up: what it does to a database is not to be cut off half-way. It ends
by itself, or at its limit; its output lands in the app's log as that of any instance, and its end in the app's events.

What is not known is never a success: the answer is `[code, output]` only where the engine saw the end and the output
was read after it. A run that this controller can neither end nor remove (it is stopped, or the engine is away) is left
to the deployer's leader, see `services.controller.deployer.runs`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from libs.engine import Engine, EngineUnavailable, ImageNotFound, Instance
from libs.keyspace.document import now
from libs.keyspace.records import App
from services.controller.deployer.deployer import new_id
from services.controller.deployer.recipe import BadRecipe
from services.controller.errors import ApiError, BadRequest, NotReady, RunFailed
from services.controller.events import Events, in_one_line
from services.controller.one_off import CALL_SECONDS, READ_SECONDS, OneOff, RunEngine
from services.controller.picture import Picture
from services.controller.releasing import Base, Releasing
from services.controller.run_output import with_note
from services.controller.run_spec import in_brief, next_number, spec_of

log = structlog.get_logger("running")

MOST_AT_ONCE = 20  # runs of one app
NO_BUILD = "No build associated with this release to run this command"


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended: its process's own exit code (128 + n where signal n killed it), and what it wrote.

    `left_out`: so many bytes of its beginning, at least, are not in `output`.
    """

    code: int
    output: str
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run, for whom, and until when at the latest."""

    app: App
    base: Base
    by: str
    command: str
    number: int
    until: datetime

    @property
    def title(self) -> str:
        """How people call it: `run.1`."""
        return f"run.{self.number}"


class Running:
    """Runs commands while `keep` runs. `limit` is how long a run may take, its image's pull included, in seconds."""

    def __init__(self, *, engine: Engine, picture: Picture, releasing: Releasing, events: Events, limit: float) -> None:
        self._engine, self._picture, self._releasing, self._events = engine, picture, releasing, events
        self._limit = limit
        self._group: asyncio.TaskGroup | None = None
        self._numbers: dict[str, set[int]] = {}  # of runs under way here, by the app's uuid
        self._reading = asyncio.Semaphore(2)  # outputs that are read at a time: each may take some MiB

    async def keep(self) -> None:
        """See to the runs that are asked for, until cancelled: then they are left to the deployer."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                await asyncio.Event().wait()
            finally:
                self._group = None

    async def run(self, app: App, by: str, command: str) -> Ran:
        """Run this command in a new container of the release that the app wants, and wait for its end.

        Raises `BadRequest` where there is nothing that could run it, `RunFailed` where it did not come to its end or
        nobody knows how it ended, `NotFound` where the app is on its way out.
        """
        until = now() + timedelta(seconds=self._limit)
        base = await self._releasing.base(app)
        if base.release is None or base.build is None:
            raise BadRequest(NO_BUILD)
        engine = self._engine
        if not isinstance(engine, RunEngine):
            raise RunFailed("The platform's engine cannot run one-off commands.")
        try:
            async with asyncio.timeout(CALL_SECONDS):
                there = (await engine.instances()).instances
        except (EngineUnavailable, TimeoutError) as error:
            raise RunFailed(f"The engine does not answer, so nothing was run: {error}") from error
        if self._group is None:
            raise NotReady("The controller restarts, so nothing was run; try again soon.")
        if len(self._numbers.get(app.uuid, ())) >= MOST_AT_ONCE:
            raise NotReady(f"{MOST_AT_ONCE} one-off commands of {app.id} run already; wait for one of them to end.")
        promised = self._numbers.setdefault(app.uuid, set())
        order = Order(app, base, by, command, next_number(there, app.uuid, promised), until)
        promised.add(order.number)
        outcome: asyncio.Future[Ran | ApiError] = asyncio.get_running_loop().create_future()
        self._group.create_task(self._fulfil(engine, order, outcome), name=f"{order.title} of {app.id}")
        found = await asyncio.shield(outcome)
        if isinstance(found, ApiError):
            raise found
        return found

    async def _fulfil(self, engine: RunEngine, order: Order, outcome: asyncio.Future[Ran | ApiError]) -> None:
        """From the start to the removal; whoever waits is told in between, whatever happens."""
        run: OneOff | None = None
        try:
            await self._tell(order, f"{order.by} runs '{in_brief(order.command)}' as {order.title}")
            try:
                async with asyncio.timeout((order.until - now()).total_seconds()):
                    run = await self._prepared(engine, order)
                    await run.start()
                    ended = await run.end()
                found: Ran | ApiError = await self._outcome(order, run, ended)
            except TimeoutError:
                found = await self._overdue(order, run)
            except ApiError as error:
                found = error
            _settle(outcome, found)
            how = f"ended with exit code {found.code}" if isinstance(found, Ran) else f"failed: {found}"
            await self._tell(order, f"{order.title} {how}")
            if run is not None:
                await self._read_by_the_log_agent(run)
                await run.put_away()
        finally:
            words = f"The controller restarts; {order.title} of {order.app.id} goes on to its end, see its log."
            _settle(outcome, RunFailed(words if run else "The controller restarts, so nothing was run."))
            self._numbers[order.app.uuid].discard(order.number)
            if not self._numbers[order.app.uuid]:
                del self._numbers[order.app.uuid]

    async def _prepared(self, engine: RunEngine, order: Order) -> OneOff:
        """What is to be started; its image is pulled where the engine has it not."""
        app, base = order.app, order.base
        assert base.release is not None
        assert base.build is not None
        rollout = self._picture.rollouts.mirror.get(app.uuid, base.release.number)
        reference = rollout.image if rollout is not None and rollout.image else base.build.image
        try:
            spec = spec_of(
                app,
                base.release,
                id_=new_id(),
                number=order.number,
                image=(await engine.resolve(reference)).digest,
                command=order.command,
                values=base.values,
                until=order.until,
            )
        except (BadRecipe, ImageNotFound) as error:
            raise RunFailed(f"It cannot be run: {error}") from error
        except EngineUnavailable as error:
            raise RunFailed(f"The engine does not answer, so nothing was run: {error}") from error
        return OneOff(engine, spec)

    async def _outcome(self, order: Order, run: OneOff, ended: Instance) -> Ran:
        """The answer, once its end was seen. Raises `RunFailed`."""
        present = self._picture.apps.mirror.get(order.app.id)
        if present is None or present.uuid != order.app.uuid or present.state != "live":
            raise RunFailed(f"{order.app.id} is being destroyed, and {order.title} with it.")
        assert ended.exit_code is not None
        try:
            async with self._reading:
                written = await run.output()
        except RunFailed as error:
            raise RunFailed(f"It ended with exit code {ended.exit_code}, but {error}; see the app's log.") from error
        output = written.text()
        if "out of memory" in ended.reason:
            limit = f" (its limit is {ended.memory} bytes)" if ended.memory else ""
            output = with_note(output, f"a process of {order.title} was killed: out of memory{limit}")
        return Ran(ended.exit_code, output, written.cut)

    async def _overdue(self, order: Order, run: OneOff | None) -> RunFailed:
        """What the answer is when its time is over: it is stopped."""
        late = f"within {self._limit:g} seconds"
        if run is None:
            return RunFailed(f"The image was not there {late}, so nothing was run.")
        stopped = await run.stop(order.base.app.document.settings.stop_grace_seconds)
        how = "was stopped" if stopped else "will be stopped as soon as the engine answers"
        return RunFailed(f"{order.title} did not end {late} and {how}; its output is in the app's log.")

    async def _read_by_the_log_agent(self, run: OneOff) -> None:
        """Return once its log agent has read it to its end, or has had the time to."""
        ended = run.ended
        if ended is None or ended.started is None:
            return

        def look() -> bool | None:
            found = (end for parts, end in self._picture.log_ends.mirror.items() if parts[-1] == run.id)
            return True if any(end.finished in {None, ended.finished} for end in found) else None

        await self._picture.log_ends.until(look, limit=READ_SECONDS)

    async def _tell(self, order: Order, message: str) -> None:
        release = order.base.app.document.release
        log.info("one-off run", app=order.app.id, run=order.title, by=order.by)
        await self._events.record(order.app, "run", order.by, in_one_line(message), release=release)


def _settle(outcome: asyncio.Future[Ran | ApiError], found: Ran | ApiError) -> None:
    if not outcome.done():
        outcome.set_result(found)
