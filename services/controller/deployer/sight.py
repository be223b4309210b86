"""Takes the picture of an app, once everything in it is as new as our own last act on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from libs.keyspace.records import App
from services.controller.deployer.mirrored import Mirrored, Releases
from services.controller.deployer.notes import Notes
from services.controller.deployer.population import ObservedEngine
from services.controller.deployer.routers import Routers
from services.controller.deployer.settings import DeployerSettings
from services.controller.deployer.view import UP, Policy, View, apart


def policy(settings: DeployerSettings) -> Policy:
    """The rules for plans, from the settings."""
    return Policy(
        node=settings.node,
        surge=settings.deployer_surge,
        default_port=settings.deployer_default_port,
        keep_stopped=timedelta(seconds=settings.deployer_keep_stopped),
        retry=timedelta(seconds=settings.deployer_retry),
    )


class Sight:
    """Sees an app through the mirrors and the engine. `epoch` tells that of our term, None when we do not lead."""

    def __init__(  # noqa: PLR0913 - what it looks at, named
        self,
        *,
        records: Mirrored,
        engine: ObservedEngine,
        releases: Releases,
        routers: Routers,
        epoch: Callable[[], int | None],
        policy: Policy,
        clock: Callable[[], datetime],
    ) -> None:
        self._records, self._engine, self._releases, self._routers = records, engine, releases, routers
        self._epoch, self._policy, self._clock = epoch, policy, clock

    async def picture(self, notes: Notes) -> View | None:
        """The view; None while it cannot be had: whatever turns then asks for another look.

        Raises `EngineUnavailable`, `StoreUnavailable` and `BadRecord`.
        """
        while True:
            stored = self._records.apps.stored(notes.app)
            if stored is None or stored.document.uuid != notes.uuid or not self._records.steady():
                return None
            app = stored.document
            await self._engine.fresh(notes.touched)
            release, build = await self._releases.wanted(app)
            epoch = self._epoch()
            if epoch is None or not self._records.steady() or self._behind(notes):
                return None
            if self._records.apps.stored(notes.app) == stored and self._engine.asked > notes.touched:
                seen = self._seen(app, stored.revision, epoch, notes)
                return replace(seen, release=release, build=build)

    def _behind(self, notes: Notes) -> bool:
        """The mirrors do not show our last writes yet."""
        records = self._records
        return records.rollouts.revision < notes.rollouts or records.apps.revision < notes.app_written

    def _seen(self, app: App, revision: int, epoch: int, notes: Notes) -> View:
        moment, records = self._clock(), self._records
        instances, runs = apart(self._engine.of(app.uuid))
        retiring = records.retiring.of(app.id)
        there = {instance.identity.id for instance in instances}
        rollouts = records.rollouts_of(
            app,
            since=(revision, epoch),
            ids=there | retiring.keys() | notes.instances(),
            releases={instance.identity.release for instance in instances},
        )
        for filed in rollouts.values():
            if not filed.document.settled:
                self._routers.recall(filed.document.routers)
        planned = {entry.id for filed in rollouts.values() for entry in filed.document.planned}
        notes.forget_others(planned | there, app.release)
        return View(
            now=moment,
            epoch=epoch,
            policy=self._policy,
            app=app,
            revision=revision,
            rollouts=rollouts,
            instances=instances,
            runs=runs,
            nodes=dict(records.instances.nodes_of(app.id)),
            health={id_: verdict for id_, (_, verdict) in records.health.of(app.id).items()},
            retiring=retiring,
            log_ends={id_: end for id_, (_, end) in records.log_ends.of(app.id).items()},
            routers=self._routers.words(records.routers_present(), records.nodes_present(), moment),
            busy=frozenset(notes.busy),
            refused=dict(notes.refused),
            tried=dict(notes.tried),
            resolved=dict(notes.resolved),
            quoted=dict(notes.quoted),
            alarmed=notes.alarmed,
            room=self._room(),
        )

    def _room(self) -> int | None:
        """Bytes of memory that the node has free for instances, by their limits; None where no record tells."""
        node = self._records.nodes.get(self._policy.node)
        if node is None:
            return None
        up = (instance for instance in self._engine.population.instances if instance.state in UP)
        return node.memory - node.reserved - sum(instance.memory or 0 for instance in up)
