"""A new release of an app: written whole first, then the app is flipped to it by one compare-and-swap.

The release's number is the app's latest plus one, and whoever creates the record under it owns it: of several writers
at once one wins and the others are told to try again. A crash between the two writes leaves a release that the app
never points at; its number is skipped once it is old enough to be nobody's.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import App, Build, Config, Release
from libs.store import StaleRevision, Store, StoreUnavailable, TooLarge
from libs.store.shelf import Shelf, Stored
from libs.vault import Vault
from services.controller.errors import Conflict, NotFound
from services.controller.healthchecks import flat
from services.controller.summary import Content

ORPHANED_AFTER = timedelta(seconds=30)
MOST_SKIPPED = 100  # orphans in a row

log = structlog.get_logger("releasing")


@dataclass(frozen=True)
class Base:
    """What a change starts from, read from the store itself: the app, its wanted release, its build and its values."""

    app: Stored[App]
    release: Release | None
    build: Build | None
    values: Mapping[str, str]

    @property
    def content(self) -> Content:
        """What the wanted release runs, for telling what a next one changes."""
        return content_of(self.build, self.release.config if self.release else None, self.values)


def content_of(
    build: Build | None, config: Config | None, values: Mapping[str, str], *, build_uuid: str | None = None
) -> Content:
    """A release's content, from its parts; `build_uuid` is for those who have no more of the build."""
    content = Content(build=build_uuid, values=values)
    if build is not None:
        content = replace(content, build=build.uuid, image=build.image, sha=build.sha)
    if config is not None:
        probes = flat(config.healthcheck)
        content = replace(content, memory=config.memory, cpu=config.cpu, tags=config.tags, probes=probes)
    return content


@dataclass(frozen=True)
class Proposal:
    """A release to be. `formation` replaces the app's when it is given."""

    by: str
    summary: str
    config: Config
    build: Build | None = None
    build_is_new: bool = False
    formation: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Released:
    """A release that the app now wants, and the revision of the app's record that says so."""

    app: App
    release: Release
    revision: int


class Releasing:
    """Makes releases. Raises `Conflict` where another writer was faster: then nothing of ours is left."""

    def __init__(self, store: Store, keyspace: Keyspace, vault: Vault) -> None:
        self._apps = Shelf(store, keyspace.apps)
        self._builds = Shelf(store, keyspace.builds)
        self._releases = Shelf(store, keyspace.releases)
        self._vault = vault

    async def base(self, app: App) -> Base:
        """Where a change of this app starts. Raises `NotFound` when it is gone or on its way out."""
        stored = await self._apps.get(app.id)
        if stored is None or stored.document.uuid != app.uuid or stored.document.state != "live":
            raise NotFound
        release = await self._releases.get(app.uuid, stored.document.release) if stored.document.release else None
        if release is None:
            return Base(stored, None, None, {})
        build = await self._builds.get(app.uuid, release.document.build) if release.document.build else None
        values = self._vault.unseal(app.uuid, release.document.config.values)
        return Base(stored, release.document, build.document if build else None, values)

    async def release(self, base: Base, proposal: Proposal) -> Released:
        """Write the proposal as the app's next release and flip the app to it."""
        app = base.app.document
        if proposal.build is not None and proposal.build_is_new:
            await self._builds.create(proposal.build, app.uuid, proposal.build.uuid)
        try:
            release, revision = await self._create(base.app, proposal)
            return await self._flip(base.app, release, revision, proposal)
        except (Conflict, TooLarge):
            if proposal.build is not None and proposal.build_is_new:
                await self._builds.delete(app.uuid, proposal.build.uuid)
            raise

    async def _create(self, base: Stored[App], proposal: Proposal) -> tuple[Release, int]:
        """The record of the release under the first number that is free or only an orphan's neighbour."""
        app = base.document
        at = now()
        for number in range(app.latest + 1, app.latest + 1 + MOST_SKIPPED):
            release = Release(
                uuid=str(uuid.uuid4()),
                app=app.id,
                owner=proposal.by,
                number=number,
                summary=proposal.summary,
                build=proposal.build.uuid if proposal.build else None,
                config=proposal.config,
                created=at,
            )
            try:
                return release, await self._releases.create(release, app.uuid, number)
            except StaleRevision:
                present = await self._releases.get(app.uuid, number)
                if present is not None and present.document.uuid == release.uuid:
                    return release, present.revision  # our own put, answered twice
                await self._refuse_unless_orphan(base, present, at)
        raise Conflict(app.id)

    async def _refuse_unless_orphan(self, base: Stored[App], present: Stored[Release] | None, at: datetime) -> None:
        """Raise `Conflict` unless the number belongs to a writer that died before it flipped the app."""
        app = await self._apps.get(base.document.id)
        if app is None or app.revision != base.revision or present is None:
            raise Conflict(base.document.id)
        if at - present.document.created < ORPHANED_AFTER:
            raise Conflict(base.document.id)
        log.info("skips an orphaned release", app=base.document.id, release=present.document.number)

    async def _flip(self, base: Stored[App], release: Release, revision: int, proposal: Proposal) -> Released:
        formation = proposal.formation
        app = base.document.changed(
            release=release.number,
            latest=release.number,
            formation=dict(base.document.formation if formation is None else formation),
            updated=release.created,
        )
        try:
            flipped = await self._apps.put(app, app.id, expect=base.revision)
        except StaleRevision:
            present = await self._apps.get(app.id)
            if present is not None and present.document.uuid == app.uuid and present.document.latest == release.number:
                return Released(app, release, present.revision)  # our own put, answered twice: the number is ours alone
            if present is None or present.document.latest < release.number:
                await self._withdraw(app, release, revision)
            raise Conflict(app.id) from None
        return Released(app, release, flipped)

    async def _withdraw(self, app: App, release: Release, revision: int) -> None:
        try:
            await self._releases.delete(app.uuid, release.number, expect=revision)
        except (StaleRevision, StoreUnavailable) as error:
            log.warning("leaves an orphaned release", app=app.id, release=release.number, error=str(error))
