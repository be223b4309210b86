"""Does the steps: the store's at once and in order, the engine's on the side, a bounded number at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, assert_never

import structlog
from prometheus_client import Counter

from libs.engine import (
    AddressesExhausted,
    Engine,
    EngineUnavailable,
    Image,
    ImageNotFound,
    Images,
    InstanceRefused,
)
from libs.keyspace import BadRecord, Keyspace, Sealed
from libs.keyspace.document import now
from libs.keyspace.records import App, Retiring
from libs.store import ABSENT, StaleRevision, Store, StoreUnavailable, TooLarge
from libs.store.shelf import Shelf
from libs.vault import KeyMissing, SealBroken
from services.controller.deployer.alarms import former
from services.controller.deployer.batches import in_batches, together
from services.controller.deployer.notes import Notes
from services.controller.deployer.recipe import BadRecipe, recipe
from services.controller.deployer.settings import DeployerSettings
from services.controller.deployer.steps import (
    Fail,
    FlipBack,
    Forget,
    ForgetApp,
    Happening,
    Quote,
    Remove,
    ResolveImage,
    Retire,
    Start,
    Step,
    Stop,
    WriteRollout,
    busy_key,
)
from services.controller.deployer.tail import LINES, QUOTED, last_lines
from services.controller.deployer.tidings import tidings
from services.controller.deployer.view import Quotation, Refusal, View
from services.controller.drains import forget_drains
from services.controller.events import Events

log = structlog.get_logger("deployer")

Unseal = Callable[[str, Sealed], Mapping[str, str]]
"""Takes an app's uuid and sealed config values, and opens them. Raises `SealBroken`, and `KeyMissing` for a while."""

WORDS_EVERY = 1.0  # seconds between two writes that change nothing but what is waited for


@dataclass(frozen=True, slots=True)
class Limits:
    """How many of the engine's verbs run at a time, of each kind."""

    starts: asyncio.Semaphore
    stops: asyncio.Semaphore
    pulls: asyncio.Semaphore


class Executor:
    """Hands and no head. `epoch` is asked before every step: a plan holds for the term that it was made in.

    `again` asks for another look, after some seconds.
    """

    def __init__(  # noqa: PLR0913 - what it works with, named
        self,
        *,
        store: Store,
        keyspace: Keyspace,
        engine: Engine,
        unseal: Unseal,
        settings: DeployerSettings,
        epoch: Callable[[], int | None],
        again: Callable[[Notes, float], None],
        told: Counter,
    ) -> None:
        self._engine, self._unseal, self._settings = engine, unseal, settings
        self._epoch, self._again, self._told = epoch, again, told
        self._events = Events(store, keyspace)
        self._apps = Shelf(store, keyspace.apps)
        self._rollouts = Shelf(store, keyspace.rollouts)
        self._retiring = Shelf(store, keyspace.retiring)
        self._store, self._keyspace = store, keyspace
        self._limits = Limits(
            asyncio.Semaphore(settings.deployer_starts),
            asyncio.Semaphore(settings.deployer_stops),
            asyncio.Semaphore(settings.deployer_pulls),
        )

    async def take(self, view: View, steps: tuple[Step, ...], notes: Notes, group: asyncio.TaskGroup) -> None:
        """Do these steps; those that take their time go on in `group`, and ask for another look at their end.

        Raises `StaleRevision` and `StoreUnavailable`: then the steps after it were not done.
        """
        for batch in in_batches(steps):
            if self._epoch() != view.epoch:
                return
            if len(batch) > 1:
                await together([self._at_once(view, step, notes) for step in batch])
                continue
            (step,) = batch
            key = busy_key(step)
            if not key:
                await self._at_once(view, step, notes)
            elif key not in notes.busy:
                notes.busy.add(key)
                group.create_task(self._on_the_side(view, step, notes, key), name=f"{key} of {notes.app}")

    async def _at_once(self, view: View, step: Step, notes: Notes) -> None:
        match step:
            case WriteRollout():
                await self._write_rollout(view, step, notes)
            case Retire(node, instance, reason, deadline, websocket_deadline):
                record = Retiring(
                    reason=reason, since=view.now, deadline=deadline, websocket_deadline=websocket_deadline
                )
                try:
                    await self._retiring.create(record, node, view.app.id, instance)
                except StaleRevision:
                    return  # it is retiring already, and keeps its first deadline
                log.info("retires", app=view.app.id, instance=instance, reason=reason)
            case Forget(node, instance):
                await self._retiring.delete(node, view.app.id, instance)
            case FlipBack():
                await self._flip_back(view, step, notes)
            case _:
                raise AssertionError(f"{step} takes its time")

    async def _write_rollout(self, view: View, step: WriteRollout, notes: Notes) -> None:
        """Write the record, then tell what that means."""
        if step.words_only:
            due = notes.worded + WORDS_EVERY - time.monotonic()
            if due > 0:
                self._again(notes, due)
                return
            notes.worded = time.monotonic()
        document, app = step.document, view.app
        expect = ABSENT if step.expect is None else step.expect
        notes.rollouts = await self._rollouts.put(document, app.uuid, document.release, expect=expect)
        told = tidings(view, document)
        if document.release == app.release and document.alarms != former(view):
            notes.alarmed = view.now
        for happening in (*told, step.happening) if step.happening else told:
            await self._tell(app, happening)

    async def _flip_back(self, view: View, step: FlipBack, notes: Notes) -> None:
        back = view.app.changed(release=step.release, formation=step.formation, updated=now())
        notes.app_written = await self._apps.put(back, view.app.id, expect=step.revision)
        log.info("goes back", app=view.app.id, failed=step.failed, release=step.release)

    async def _tell(self, app: App, happening: Happening) -> None:
        log.info(happening.kind, app=app.id, release=happening.release, message=happening.message)
        self._told.labels(happening.kind).inc()
        await self._events.record(app, happening.kind, "deployer", happening.message, release=happening.release)

    async def _on_the_side(self, view: View, step: Step, notes: Notes, key: str) -> None:
        """Do a step that takes its time; whatever comes of it is found by the next look."""
        wait = 0.0
        try:
            await self._slowly(view, step, notes, key)
        except (EngineUnavailable, StoreUnavailable, TimeoutError, AddressesExhausted, KeyMissing) as error:
            log.warning("will be tried again", app=notes.app, step=key, error=f"{type(error).__name__}: {error}")
            patient = isinstance(error, AddressesExhausted | KeyMissing)
            wait = self._settings.deployer_retry if patient else 0.5
        except (BadRecord, TooLarge) as error:
            log.error("a record cannot be read or written", app=notes.app, step=key, error=str(error))  # noqa: TRY400
            wait = self._settings.deployer_retry
        except StaleRevision:
            log.debug("was overtaken", app=notes.app, step=key)
        finally:
            notes.touched = time.monotonic()
            if wait:
                asyncio.get_running_loop().call_later(wait, self._unbusy, notes, key)
            else:
                self._unbusy(notes, key)

    def _unbusy(self, notes: Notes, key: str) -> None:
        notes.busy.discard(key)
        self._again(notes, 0.0)

    async def _slowly(self, view: View, step: Step, notes: Notes, key: str) -> None:
        if self._epoch() != view.epoch:
            return
        match step:
            case ResolveImage(release, reference):
                async with self._limits.pulls:
                    await self._resolve(release, reference, notes, key)
            case Start():
                await self._start(view, step, notes, key)
            case Stop(_, name, grace):
                limit = grace + self._settings.deployer_engine_limit
                await self._verb(view, self._limits.stops, limit, lambda: self._engine.stop(name, grace=grace))
            case Remove(_, name):
                limit = self._settings.deployer_engine_limit
                try:
                    await self._verb(view, self._limits.stops, limit, lambda: self._engine.remove(name))
                except InstanceRefused as error:
                    log.warning("is not removed", app=notes.app, name=name, reason=error.reason)
            case Quote(instance, name, about):
                notes.quoted[instance] = Quotation(about, await last_lines(self._engine, name, QUOTED), now())
            case Fail(document, expect, name):
                lines = await last_lines(self._engine, name, LINES)
                failing = document.changed(last_lines=lines)
                await self._write_rollout(view, WriteRollout(failing, expect), notes)
                notes.refused.clear()
            case ForgetApp(revision):
                await self._forget_app(view.app, revision)
            case WriteRollout() | Retire() | Forget() | FlipBack():
                raise AssertionError(f"{step} is done at once")
            case _:
                assert_never(step)

    async def _verb(
        self,
        view: View,
        limit: AbstractAsyncContextManager[None],
        seconds: float,
        verb: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        async with limit:
            if self._epoch() == view.epoch:
                async with asyncio.timeout(seconds):
                    await verb()

    async def _resolve(self, release: int, reference: str, notes: Notes, key: str) -> None:
        if not isinstance(self._engine, Images):
            notes.resolved[release] = Image(digest=reference)
            return
        limit = self._settings.deployer_pull_limit
        try:
            async with asyncio.timeout(limit):
                notes.resolved[release] = await self._engine.resolve(reference)
        except ImageNotFound as error:
            notes.refused[key] = Refusal(str(error), now())
        except TimeoutError:
            notes.refused[key] = Refusal(f"image {reference} was not there within {limit:g} s", now())

    async def _start(self, view: View, step: Start, notes: Notes, key: str) -> None:
        """Start a planned instance; what the engine or the release itself refuses is noted, not raised."""
        entry = step.planned
        assert view.release is not None
        assert view.build is not None
        try:
            spec = recipe(
                view.app,
                release=view.release,
                build=view.build,
                rollout=view.rollouts[step.release].document,
                entry=entry,
                values=self._unseal(view.app.uuid, view.release.config.values),
                default_port=self._settings.deployer_default_port,
            )
            limit = self._settings.deployer_engine_limit
            await self._verb(view, self._limits.starts, limit, lambda: self._engine.start(spec))
        except KeyMissing:
            raise  # nothing of the release is wrong: it waits for the key
        except (BadRecipe, InstanceRefused, ImageNotFound, SealBroken) as error:
            reason = error.reason if isinstance(error, BadRecipe | InstanceRefused) else str(error)
            notes.refused[key] = Refusal(reason, now())
            log.warning("is refused", app=notes.app, name=entry.name, reason=reason)
        else:
            notes.tried.setdefault(entry.id, now())
            notes.refused.pop(key, None)
            log.info("started", app=notes.app, name=entry.name)

    async def _forget_app(self, app: App, revision: int) -> None:
        """Delete a destroyed app's records, its own last: its name is free only when nothing of it is left."""
        for domain in await Shelf(self._store, self._keyspace.domains).list():
            if domain.document.app == app.id:
                await self._store.delete(self._keyspace.domains.key(*domain.parts), expect=domain.revision)
        await forget_drains(self._store, self._keyspace, app.uuid)
        collections = self._keyspace
        for collection in (collections.rollouts, collections.releases, collections.builds, collections.events):
            for entry in (await self._store.list(collection.under(app.uuid))).entries:
                await self._store.delete(entry.key)
        await self._apps.delete(app.id, expect=revision)
        log.info("is forgotten", app=app.id, uuid=app.uuid)
