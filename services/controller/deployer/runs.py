"""One-off runs whose controller is gone: ended when they are over their time, removed when nobody did.

A run belongs to the request that asked for it: its controller ends it in time, reads it and removes it. Where that one
was killed, stopped, or could not reach the engine, the leader does so by what the container itself carries: it goes on
to its own end, at most for its time and `slack` more; once it ended it waits, as any stopped instance does, to be read,
and `slack` more for its controller. That rests on no record that could be missing, so it holds for runs of apps that
nobody knows any more, too. Runs of an app that is being destroyed end at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import structlog

from libs.engine import Engine, EngineError, EngineUnavailable, Instance
from libs.keyspace.records import App
from services.controller.deployer.population import ObservedEngine
from services.controller.deployer.settings import DeployerSettings
from services.controller.deployer.view import UP, title
from services.controller.events import Events

log = structlog.get_logger("deployer")

Step = Literal["stop", "remove", ""]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long runs are left to their controllers."""

    slack: timedelta
    keep_stopped: timedelta

    @classmethod
    def of(cls, settings: DeployerSettings) -> Patience:
        """As the operator sets it."""
        return cls(timedelta(seconds=settings.deployer_run_slack), timedelta(seconds=settings.deployer_keep_stopped))


def next_step(run: Instance, seen_ended: datetime | None, now: datetime, patience: Patience, *, hasty: bool) -> Step:
    """What is to be done with a run now. `seen_ended` is when it was first seen not to run, by whoever leads.

    An engine that was away shows an end long after it was: whoever waited for it gets the whole time again.
    """
    over_its_time = run.until is not None and now >= run.until + patience.slack
    if run.state in UP:
        return "stop" if hasty or over_its_time else ""
    if run.state == "created":  # its start may be under way
        return "remove" if hasty or over_its_time else ""
    since = max((at for at in (run.finished, seen_ended) if at is not None), default=now)
    return "remove" if hasty or now >= since + patience.slack + patience.keep_stopped else ""


class LeftRuns:
    """Ends what is left of one-off runs, while we lead."""

    def __init__(  # noqa: PLR0913 - what it works with, named
        self,
        *,
        engine: Engine,
        observed: ObservedEngine,
        apps: Callable[[], Iterable[App]],
        epoch: Callable[[], int | None],
        events: Events,
        settings: DeployerSettings,
        clock: Callable[[], datetime],
    ) -> None:
        self._engine, self._observed, self._apps = engine, observed, apps
        self._epoch, self._events, self._clock = epoch, events, clock
        self._patience = Patience.of(settings)
        self._limit = settings.deployer_engine_limit
        self._touched = float("-inf")  # when a verb of ours ended last, by the monotonic clock
        self._ended: dict[str, datetime] = {}  # by container, when it was first seen not to run

    async def end(self) -> None:
        """One look at all runs. Raises `EngineUnavailable`: then nothing is known of any."""
        epoch = self._epoch()
        if epoch is None:
            self._ended.clear()
            return
        await self._observed.fresh(self._touched)
        now = self._clock()
        runs = [instance for instance in self._observed.population.instances if instance.once]
        over = [run.name for run in runs if run.state not in UP]
        self._ended = {name: self._ended.get(name, now) for name in over}
        apps = {app.uuid: app for app in self._apps()}
        failures: list[EngineUnavailable] = []

        async def take(run: Instance, step: Step, app: App | None) -> None:
            try:
                await self._take(run, step, app)
            except (EngineUnavailable, TimeoutError) as error:
                failures.append(EngineUnavailable(f"{step} {run.name}: {error}"))

        async with asyncio.TaskGroup() as group:
            for run in runs:
                app = apps.get(run.identity.app_uuid)
                hasty = app is not None and app.state == "destroying"
                step = next_step(run, self._ended.get(run.name), now, self._patience, hasty=hasty)
                if step and self._epoch() == epoch:
                    group.create_task(take(run, step, app), name=f"{step} {run.name}")
        if failures:
            raise failures[0]

    async def _take(self, run: Instance, step: Step, app: App | None) -> None:
        grace = app.settings.stop_grace_seconds if app is not None else 0.0
        try:
            async with asyncio.timeout(grace + self._limit):
                if step == "stop":
                    await self._engine.stop(run.name, grace=grace)
                else:
                    await self._engine.remove(run.name)
        except EngineUnavailable:
            raise
        except EngineError as error:
            log.warning("a one-off run is not ended", name=run.name, step=step, error=str(error))
            return
        finally:
            self._touched = time.monotonic()
        log.info("ended what was left of a one-off run", name=run.name, step=step)
        if app is not None and app.state == "live":
            await self._events.record(app, "run", "deployer", _words(run, step), release=run.identity.release)


def _words(run: Instance, step: Step) -> str:
    if step == "stop":
        return f"{title(run)} ran for longer than it may and was stopped"
    if run.state == "created":
        return f"{title(run)} was never started"
    known = run.finished is not None and run.exit_code is not None
    how = f"with exit code {run.exit_code}" if known else "in a way that nobody saw"
    return f"{title(run)} ended {how}; whoever waited for it was gone"
