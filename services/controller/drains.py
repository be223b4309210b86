"""Log drains: `drains/<scope>/<id>`, where the scope is an app's uuid or the platform, and what loggers say of them."""

from __future__ import annotations

import secrets
import uuid
from contextlib import suppress

import structlog

from libs.keyspace import BadKey, Keyspace
from libs.keyspace.document import Sealed, now
from libs.keyspace.records import Drain
from libs.store import StaleRevision, Store
from libs.store.shelf import Shelf
from libs.vault import Vault
from services.controller.drain_fields import NewDrain
from services.controller.drain_states import summed
from services.controller.errors import BadRequest
from services.controller.picture import CATCHES_UP, Picture
from services.controller.shapes import Shape

MOST = 10  # of an app, and of the platform

log = structlog.get_logger("drains")


class Drains:
    """Adds and removes them, and tells how they fare."""

    def __init__(self, store: Store, keyspace: Keyspace, picture: Picture, vault: Vault) -> None:
        self._store, self._keyspace = store, keyspace
        self._drains = Shelf(store, keyspace.drains)
        self._picture = picture
        self._vault = vault

    def of(self, scope: str) -> list[Drain]:
        """Those of a scope, oldest first."""
        found = (drain for _, drain in self._picture.drains.mirror.items(scope))
        return sorted(found, key=lambda drain: (drain.created, drain.id))

    def get(self, scope: str, id_: str) -> Drain | None:
        """One of them."""
        return self._picture.drains.mirror.get(scope, id_)

    def state(self, drain: Drain) -> Shape | None:
        """How it fares; None while no logger has said anything."""
        states = {parts[1]: state for parts, state in self._picture.drain_states.mirror.items(drain.id)}
        return summed(states, {parts[1] for parts, _ in self._picture.loggers.mirror.items()})

    async def add(self, scope: str, app: str, owner: str, new: NewDrain) -> tuple[Drain, int]:
        """Write one more and return it with its revision.

        Raises `BadRequest` where there are `MOST` of them, or where one sends the same lines to the same place.
        """
        if (twin := next((one for one in self.of(scope) if _same(one, new)), None)) is not None:
            raise _there_already(twin)
        id_ = secrets.token_hex(8)
        drain = Drain(
            id=id_,
            app=app,
            owner=owner,
            url=new.place.url,
            token=f"d.{uuid.uuid4()}",
            select=dict(new.select),
            secret=self._vault.seal_text(f"drain:{id_}", new.secret) if new.secret else Sealed(""),
            client_certificate=new.client_certificate,
            ca=new.ca,
            created=now(),
        )
        if len(await self._earliest(scope)) >= MOST:
            raise _too_many(app)
        try:
            revision = await self._drains.create(drain, scope, id_)
        except StaleRevision:
            present = await self._drains.get(scope, id_)
            if present is None or present.document != drain:
                raise
            revision = present.revision  # our own put, answered twice
        if self._keyspace.drains.key(scope, id_) not in (await self._earliest(scope))[:MOST]:
            await self._drains.delete(scope, id_)  # others were written meanwhile
            raise _too_many(app)
        return drain, revision

    async def remove(self, scope: str, id_: str) -> bool:
        """Delete one and what is told of it; whether it was there. Returns once it is gone from the picture too."""
        gone = await self._drains.delete(scope, id_)
        await forget_states(self._store, self._keyspace, id_)
        mirror = self._picture.drains.mirror
        await self._picture.drains.until(lambda: True if mirror.get(scope, id_) is None else None, limit=CATCHES_UP)
        return gone

    async def drop_orphaned_states(self) -> None:
        """Delete what is told of drains that are gone: a logger may say its last word after the drain was deleted.

        A state is never written before its drain: who has no drain after it was seen lost it.
        """
        told = {parts[0] for parts, _ in self._picture.drain_states.mirror.items()}
        orphans = told - {parts[1] for parts, _ in self._picture.drains.mirror.items()}
        if not (orphans and self._picture.drain_states.mirror.complete):
            return
        for entry in (await self._store.list(self._keyspace.drains.under())).entries:
            with suppress(BadKey):
                orphans.discard(self._keyspace.drains.parse(entry.key)[1])
        for id_ in sorted(orphans):
            await forget_states(self._store, self._keyspace, id_)
            log.info("dropped what was told of a drain that is gone", drain=id_)

    async def _earliest(self, scope: str) -> list[str]:
        """The keys of a scope's drains, the first written first."""
        entries = (await self._store.list(self._keyspace.drains.under(scope))).entries
        return [entry.key for entry in sorted(entries, key=lambda entry: (entry.created, entry.key))]


async def forget_states(store: Store, keyspace: Keyspace, id_: str) -> None:
    """Delete what loggers say of one drain."""
    for entry in (await store.list(keyspace.drain_states.under(id_))).entries:
        await store.delete(entry.key)


async def forget_drains(store: Store, keyspace: Keyspace, scope: str) -> None:
    """Delete every drain of a scope with what is told of it."""
    for entry in (await store.list(keyspace.drains.under(scope))).entries:
        await store.delete(entry.key)
        with suppress(BadKey):
            await forget_states(store, keyspace, keyspace.drains.parse(entry.key)[1])


def _same(drain: Drain, new: NewDrain) -> bool:
    """Whether nothing would tell the two apart but what they are called. Secrets are not opened for that."""
    asked = (new.place.url, dict(new.select), new.client_certificate, new.ca)
    return not (drain.secret or new.secret) and asked == (
        drain.url,
        dict(drain.select),
        drain.client_certificate,
        drain.ca,
    )


def _there_already(twin: Drain) -> BadRequest:
    whose = twin.app or "The platform"
    return BadRequest(
        f"{whose} has this log drain already: {twin.id}, with the same URL and filters; its receiver would get each"
        " line twice. Change one of them, or remove that drain first."
    )


def _too_many(app: str) -> BadRequest:
    whose = f"{app} has" if app else "The platform has"
    return BadRequest(f"{whose} {MOST} log drains already, which is the most; remove one of them first.")
