"""What happened to an app, for its audit trail and its log: `events/<app uuid>/<id>`, the newest `KEPT` of each app."""

from __future__ import annotations

import secrets
import time

import structlog

from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import App, Event
from libs.store import Store, StoreUnavailable
from libs.store.shelf import Shelf
from services.controller.asker import token_of

KEPT = 200
SLACK = 20  # trimmed only once so many are over, so that most writes are one put

log = structlog.get_logger("events")


def event_id() -> str:
    """An id that sorts by time: nanoseconds since the epoch in 20 digits, and a random end against ties."""
    return f"{time.time_ns():020d}-{secrets.token_hex(3)}"


def in_one_line(text: str) -> str:
    """A user's own text with what is not for printing spelt out: it adds no line to a log, no colour to a screen."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


class Events:
    """Writes events. One that cannot be written is logged instead: it never fails what it tells of."""

    def __init__(self, store: Store, keyspace: Keyspace) -> None:
        self._store = store
        self._events = keyspace.events
        self._shelf = Shelf(store, keyspace.events)

    async def record(self, app: App, kind: str, by: str, message: str, *, release: int | None = None) -> None:
        """Write one event of `app`. `by`: a user, whose named token it tells of too, or the daemon that saw it."""
        event = Event(app=app.id, kind=kind, by=by, message=message, release=release, token=token_of(by), at=now())
        try:
            await self._shelf.create(event, app.uuid, event_id())
            await self._trim(app.uuid)
        except StoreUnavailable as error:
            log.warning("an event was not kept", app=app.id, kind=kind, by=by, message=message, error=str(error))

    async def latest(self, app_uuid: str) -> list[tuple[str, Event]]:
        """An app's events with their ids, newest first."""
        found = await self._shelf.list(app_uuid)
        return [(stored.parts[-1], stored.document) for stored in sorted(found, key=lambda s: s.parts, reverse=True)]

    async def _trim(self, app_uuid: str) -> None:
        """Delete the oldest, by their keys alone: one that cannot be read is in nobody's way."""
        found = (await self._store.list(self._events.under(app_uuid))).entries
        if len(found) > KEPT + SLACK:
            for entry in found[:-KEPT]:
                await self._store.delete(entry.key)
