"""Tickets: one use of the right to follow an app's log (`proto/log-tail.md`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

import structlog

from libs.keyspace import BadRecord, Keyspace
from libs.keyspace.records import Ticket
from libs.store import Shelf, StaleRevision, Store
from services.logger.tail_ends import Right, may

_TICKET = re.compile(r"[A-Za-z0-9_-]{43}")  # 256 bits in base64url

log = structlog.get_logger("tails")


class NoTicket(Exception):
    """Unknown, used or too old (the store, which ends old ones, has none like it), or its user may no more."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A ticket that the store had, by its digest; whether it is still there turns out when it is used."""

    digest: str
    revision: int
    right: Right


class Tickets:
    """Reads them and uses them up. Both raise `NoTicket`, and `StoreUnavailable`."""

    def __init__(self, store: Store, keys: Keyspace) -> None:
        self._tickets = Shelf(store, keys.tickets)
        self._apps = Shelf(store, keys.apps)
        self._users = Shelf(store, keys.users)
        self._tokens = Shelf(store, keys.tokens)

    async def look(self, text: str) -> Shown:
        """The right that a ticket would give, by the records of its app, its user and their token as they are now."""
        if not _TICKET.fullmatch(text):
            raise NoTicket
        digest = sha256(text.encode()).hexdigest()
        try:
            stored = await self._tickets.get(digest)
        except BadRecord as error:
            log.warning("a ticket is no record", reason=str(error))
            raise NoTicket from error
        if stored is None:
            raise NoTicket
        ticket: Ticket = stored.document
        app, user = await self._apps.get(ticket.app), await self._users.get(ticket.username)
        if app is None or app.document.uuid != ticket.app_uuid:
            raise NoTicket
        if user is None or not may(user.document, app.document, ticket):
            raise NoTicket
        token = await self._tokens.get(ticket.token) if ticket.token else None
        if ticket.token and token is None:
            raise NoTicket
        return Shown(
            digest, stored.revision, Right(ticket, app.revision, user.revision, token.revision if token else 0)
        )

    async def use(self, shown: Shown) -> None:
        """Delete it: of all who come with the same one, at whichever logger, one succeeds."""
        try:
            await self._tickets.delete(shown.digest, expect=shown.revision)
        except StaleRevision as error:
            raise NoTicket from error
