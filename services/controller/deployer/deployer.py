"""Looks at an app whenever something about it changed, plans, and has the steps done. One leader does so."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from libs.daemon import Daemon, Loop, keep_running
from libs.engine import Engine, EngineUnavailable
from libs.keyspace import BadRecord, Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import App, Rollout
from libs.store import StaleRevision, Store, StoreUnavailable, TooLarge
from libs.store.election import Election
from services.controller.deployer.executor import Executor, Unseal
from services.controller.deployer.mirrored import Mirrored, Releases
from services.controller.deployer.notes import Notes
from services.controller.deployer.plan import plan
from services.controller.deployer.population import ObservedEngine
from services.controller.deployer.routers import Routers
from services.controller.deployer.runs import LeftRuns
from services.controller.deployer.settings import DeployerSettings
from services.controller.deployer.sight import Sight, policy
from services.controller.deployer.strangers import Strangers
from services.controller.events import Events
from services.controller.mirrors import Mirrors

log = structlog.get_logger("deployer")

LONGEST_PAUSE = 5.0  # seconds between two looks at an app whose looks fail


def new_id() -> str:
    """An instance's id: 40 random bits in hex; it begins with a letter, as a host name should."""
    return secrets.choice("abcdef") + secrets.token_hex(5)[1:]


def _moves(record: Rollout, wanted: int) -> bool:
    """Routers have a say in it: it rolls, or an instance of it is to replace another."""
    return not record.settled or (record.release == wanted and any(entry.replaces for entry in record.planned))


class Deployer:
    """Makes apps what their records want. `join` names its loops and conditions at a daemon and gives its tasks.

    `mirrors` are those of the process's API, which keeps them live; without them it has its own.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        *,
        store: Store,
        keyspace: Keyspace,
        engine: Engine,
        unseal: Unseal,
        election: Election,
        settings: DeployerSettings,
        mirrors: Mirrors | None = None,
        registry: CollectorRegistry | None = None,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._election, self._settings = election, settings
        self._notes: dict[str, Notes] = {}  # by app name
        self._dirty: dict[str, None] = {}  # apps to look at, in the order of asking; asking again changes nothing
        self._woken = asyncio.Event()
        self._looking: set[str] = set()
        self._strangers = Strangers()
        self._records = Mirrored(
            store,
            keyspace,
            shared=mirrors,
            touched=self.look_at,
            routed=self.look_at_rolling,
            turned=self.look_at_all,
        )
        self._engine = ObservedEngine(engine, limit=settings.deployer_engine_limit)
        self._engine.on_change(self._population_changed)
        self._sight = Sight(
            records=self._records,
            engine=self._engine,
            releases=Releases(store, keyspace, self._records),
            routers=Routers(timedelta(seconds=settings.deployer_router_veto)),
            epoch=lambda: election.epoch,
            policy=policy(settings),
            clock=clock,
        )
        registry = registry or CollectorRegistry()
        self._executor = Executor(
            store=store,
            keyspace=keyspace,
            engine=engine,
            unseal=unseal,
            settings=settings,
            epoch=lambda: election.epoch,
            again=self._again,
            told=Counter("deis_deployer_events", "events that the deployer told of", ["kind"], registry=registry),
        )
        election.on_change(self._elected)
        self._looks = Counter("deis_deployer_looks", "looks at an app", registry=registry)
        self._unowned = Gauge("deis_deployer_strangers", "containers that no record owns", registry=registry)
        self._observing = Loop(
            "observe_engine",
            self._engine.observe,
            every=settings.deployer_observe_every,
            expected=(EngineUnavailable,),
        )
        self._engine.woken = self._observing.wake
        left = LeftRuns(
            engine=engine,
            observed=self._engine,
            apps=lambda: (app for _, app in self._records.apps.items()),
            epoch=lambda: election.epoch,
            events=Events(store, keyspace),
            settings=settings,
            clock=clock,
        )
        self._left_runs = Loop(
            "end_left_runs", left.end, every=settings.deployer_observe_every, expected=(EngineUnavailable,)
        )
        self._everything = Loop("look_at_every_app", self._look_at_everything, every=settings.deployer_look_every)

    @property
    def _loops(self) -> tuple[Loop, ...]:
        return (self._observing, self._left_runs, self._everything)

    @property
    def strangers(self) -> dict[str, str]:
        """Containers that no record owns, with the reason: reported, never touched."""
        return dict(self._strangers.found)

    @property
    def complete(self) -> bool:
        """Its mirrors were listed."""
        return self._records.complete

    def join(self, daemon: Daemon) -> dict[str, Coroutine[Any, Any, Any]]:
        """Name the loops and conditions at the daemon, and return the further tasks for its `run`."""
        for loop in self._loops:
            daemon.loops[loop.name] = loop
        daemon.ready["deployer's mirrors are complete"] = lambda: self.complete
        daemon.facts["containers that no record owns"] = lambda: self.strangers
        return self.tasks()

    def tasks(self) -> dict[str, Coroutine[Any, Any, Any]]:
        """What runs beside the loops, by name."""
        follow = keep_running("follow_engine", self._engine.follow, expected=(EngineUnavailable,), longest=2.0)
        return {**self._records.tasks(), "deployer_follow_engine": follow, "roll_apps": self.roll_apps()}

    async def run(self) -> None:
        """Run all of it, loops too, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for loop in self._loops:
                group.create_task(loop.run(), name=loop.name)
            for name, task in self.tasks().items():
                group.create_task(task, name=name)

    def look_at(self, app: str) -> None:
        """Look at this app soon; being asked twice is one look."""
        self._dirty[app] = None
        self._woken.set()

    def look_at_all(self) -> None:
        """Look at every app soon."""
        for name in self._records.app_names:
            self.look_at(name)

    def look_at_rolling(self) -> None:
        """Look at the apps whose last look found anything to do or to wait for."""
        for notes in self._notes.values():
            if notes.active:
                self.look_at(notes.app)

    async def roll_apps(self) -> None:
        """Look at the apps that were asked for, each by one look at a time, a bounded number together; for ever."""
        places = asyncio.Semaphore(self._settings.deployer_looks)
        async with asyncio.TaskGroup() as group:
            while True:
                await self._woken.wait()
                self._woken.clear()
                for app in [app for app in self._dirty if app not in self._looking]:
                    await places.acquire()
                    del self._dirty[app]
                    self._looking.add(app)
                    group.create_task(self._look_once(app, places, group), name=f"look at {app}")

    async def _look_once(self, app: str, places: asyncio.Semaphore, group: asyncio.TaskGroup) -> None:
        """One look, whose expected failures only mean another one."""
        notes = self._notes.get(app)
        try:
            await self._look(app, group)
        except StaleRevision:
            self._after_failure(app, notes, 0.02)
        except (StoreUnavailable, EngineUnavailable) as error:
            log.debug("holds", app=app, error=str(error))
            self._after_failure(app, notes, 0.1)
        except (BadRecord, TooLarge) as error:
            log.error("has a record that cannot be read or written; it is held", app=app, error=str(error))  # noqa: TRY400
            self._after_failure(app, notes, LONGEST_PAUSE)
        else:
            if notes := self._notes.get(app):
                notes.failures = 0
        finally:
            places.release()
            self._looking.discard(app)
            if app in self._dirty:
                self._woken.set()

    def _after_failure(self, app: str, notes: Notes | None, first: float) -> None:
        notes = notes or self._notes.get(app)
        if notes is not None:
            notes.failures += 1
            pause = min(LONGEST_PAUSE, first * 2 ** min(notes.failures, 8))
            self._again(notes, random.uniform(pause / 2, pause))

    async def _look(self, name: str, group: asyncio.TaskGroup) -> None:
        """Take the picture, plan, do. Does nothing while it cannot be sure of the picture, or does not lead."""
        app = self._records.apps.get(name)
        if app is None or self._election.epoch is None:
            return
        notes = self._notes_of(app)
        view = await self._sight.picture(notes)
        if view is None:
            return
        self._looks.inc()
        notes.cancel_timer()
        if view.runs and app.state == "destroying":
            self._left_runs.wake()
        made = plan(view, new_id)
        moves = any(_moves(filed.document, app.release) for filed in view.rollouts.values())
        notes.active = bool(made.steps or view.retiring or moves)
        if made.look_again is not None:
            self._again(notes, max(0.0, (made.look_again - view.now).total_seconds()))
        await self._executor.take(view, made.steps, notes, group)

    def _notes_of(self, app: App) -> Notes:
        notes = self._notes.get(app.id)
        if notes is None or notes.uuid != app.uuid:
            notes = self._notes[app.id] = Notes(app.id, app.uuid)
        return notes

    def _again(self, notes: Notes, seconds: float) -> None:
        """Look at the app again, now or at a time; of several times the first one counts."""
        if seconds <= 0:
            self.look_at(notes.app)
            return
        loop = asyncio.get_running_loop()
        if notes.timer is not None and not notes.timer.cancelled() and notes.timer.when() <= loop.time() + seconds:
            return
        notes.cancel_timer()
        notes.timer = loop.call_later(seconds, self._timer_rang, notes)

    def _timer_rang(self, notes: Notes) -> None:
        notes.timer = None
        self.look_at(notes.app)

    def _elected(self, leading: bool) -> None:
        """A new term begins without notes: others may have acted in between."""
        for notes in self._notes.values():
            notes.cancel_timer()
        self._notes.clear()
        if leading:
            self.look_at_all()

    def _population_changed(self, apps: set[str]) -> None:
        for app in apps:
            self.look_at(app)
        self._find_strangers()

    def _find_strangers(self) -> None:
        if self._records.steady():
            self._strangers.look(self._engine.population, (app.uuid for _, app in self._records.apps.items()))
            self._unowned.set(len(self._strangers.found))

    async def _look_at_everything(self) -> None:
        """The safety net: every app, and the containers that no record owns."""
        self.look_at_all()
        self._find_strangers()
        for app in self._notes.keys() - self._records.app_names:
            self._notes.pop(app).cancel_timer()
