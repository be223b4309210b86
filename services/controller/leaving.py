"""Cancelling an account, so that a later one of the same name inherits nothing."""

from __future__ import annotations

from typing import TypeVar

import structlog

from libs.keyspace import BadKey, BadRecord, Collection, Document, Keyspace
from libs.keyspace.records import App, User
from libs.store import StaleRevision, Store
from libs.store.shelf import Shelf, Stored, read
from services.controller.errors import LastSuperuser, NotFound, StillOwnsApps
from services.controller.events import Events
from services.controller.picture import Picture
from services.controller.superusers import Superusers
from services.controller.tokens import Tokens

D = TypeVar("D", bound=Document)

GONE_WITHIN = 2.0  # seconds that the answer waits for the picture at most

log = structlog.get_logger("accounts")


class Leaving:
    """Ends accounts. What a crash left half done a superuser completes by asking again.

    The account is made inactive first, and its apps are looked for after that: whoever gives an app to a user, or makes
    one, looks after its write whether the user is active. So one of the two sees the other.
    """

    def __init__(  # noqa: PLR0913 - the parts that an account leaves something in
        self,
        store: Store,
        keyspace: Keyspace,
        picture: Picture,
        *,
        tokens: Tokens,
        superusers: Superusers,
        events: Events,
    ) -> None:
        self._store = store
        self._keyspace = keyspace
        self._users = Shelf(store, keyspace.users)
        self._apps = Shelf(store, keyspace.apps)
        self._picture = picture
        self._tokens = tokens
        self._superusers = superusers
        self._events = events

    async def cancel(self, username: str, by: str) -> None:
        """End an account; raises `NotFound`, `StillOwnsApps`, `LastSuperuser`, and has changed nothing then."""
        while True:
            stored = await self._users.get(username)
            if stored is None:
                raise NotFound
            await self._refuse_owner(username)
            await self._superusers.spare(username)
            marked = await self._users.update(_cancelling, username)
            if marked is None:
                raise NotFound
            await self._refuse_owner(username)
            if marked.document.is_superuser:
                await self._refuse_last(username)
            await self._clear(username, by)
            try:
                await self._users.delete(username, expect=marked.revision)
            except StaleRevision:
                continue  # somebody changed it meanwhile: look at it all again
            break
        users = self._picture.users.mirror
        await self._picture.users.until(lambda: None if users.get(username) else True, limit=GONE_WITHIN)

    async def _refuse_owner(self, username: str) -> None:
        if any(stored.document.owner == username for stored in await self._apps.list()):
            await self._users.update(_staying, username)
            raise StillOwnsApps(username)

    async def _refuse_last(self, username: str) -> None:
        """Two superusers may have begun to cancel each other."""
        try:
            await self._superusers.require_one(username)
        except LastSuperuser:
            await self._users.update(_staying, username)
            raise

    async def _clear(self, username: str, by: str) -> None:
        """Take away all that goes by the account's name."""
        for stored in await self._apps.list():
            if username in stored.document.collaborators:
                await self._leave(stored.document, username, by)
        for key in await self._readable(self._keyspace.keys):
            if key.document.owner == username:
                await self._store.delete(self._keyspace.keys.key(*key.parts))
        for cert in await self._readable(self._keyspace.certs):
            if cert.document.owner == username:
                await self._store.delete(self._keyspace.certs.key(*cert.parts))
        await self._tokens.end_all(username)

    async def _leave(self, app: App, username: str, by: str) -> None:
        def without(present: App) -> App:
            return present.changed(collaborators=tuple(one for one in present.collaborators if one != username))

        stored = await self._apps.update(without, app.id)
        if stored is not None:
            message = f"{username} is no collaborator any more: {by} cancelled the account"
            await self._events.record(stored.document, "collaborator removed", by, message)

    async def _readable(self, collection: Collection[D]) -> list[Stored[D]]:
        """Every record that is one: what cannot be read is nobody's."""
        found = []
        for entry in (await self._store.list(collection.under())).entries:
            try:
                found.append(read(collection, entry))
            except (BadRecord, BadKey) as error:
                log.warning("left alone", key=entry.key, reason=str(error))
        return found


def _cancelling(user: User) -> User:
    """It may not act from now on. One that was inactive before stays so, whatever comes of it."""
    return user.changed(is_active=False, cancelling=True) if user.is_active else user


def _staying(user: User) -> User:
    return user.changed(is_active=True, cancelling=False) if user.cancelling else user
