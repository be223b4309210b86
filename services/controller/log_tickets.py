"""Tickets: one use of the right to follow an app's lines at its logger (`proto/log-tail.md`)."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import App, Ticket, User
from libs.store import Lease, LeaseLost, Store
from libs.store.shelf import Shelf
from libs.store.tenure import Clock, boot_clock
from services.controller.errors import Throttled
from services.controller.throttle import Allowance, mark

LIVES = 30.0  # seconds that a ticket is good for, at least
TOGETHER = 5.0  # seconds within which tickets share a lease: some leases at a time then, however many tickets
OF_USER = (60, 1.0)  # at once, and the seconds after which there may be one more: all one's tails may come back at once


class Issued(NamedTuple):
    """A ticket's own text, which nobody else knows, and until when it is good."""

    text: str
    expires: datetime


class Tickets:
    """Issues them. Each controller counts a user's by itself.

    No lease is ever renewed or ended: it ends by itself, with the tickets that nobody used, and none is left behind.
    """

    def __init__(self, store: Store, keyspace: Keyspace, clock: Clock = boot_clock) -> None:
        self._store = store
        self._tickets = Shelf(store, keyspace.tickets)
        self._clock = clock
        self._given = Allowance(*OF_USER)
        self._lease: Lease | None = None
        self._shared_until = 0.0

    async def issue(self, app: App, user: User, token: str) -> Issued:
        """One more, for who showed the token of this hash; raises `Throttled` where the user had too many."""
        key, at = mark(user.username), self._clock()
        if (wait := self._given.wait(key, at)) > 0:
            raise Throttled(wait)
        self._given.add(key, at)
        text, created = secrets.token_urlsafe(32), now()
        ticket = Ticket(
            kind="logs",
            app=app.id,
            app_uuid=app.uuid,
            username=user.username,
            admin=user.is_superuser,
            token=token,
            created=created,
        )
        sha256 = hashlib.sha256(text.encode("ascii")).hexdigest()
        try:
            await self._tickets.put(ticket, sha256, lease=await self._current())
        except LeaseLost:  # the store's, or its clock, is another one than it was
            self._lease = None
            await self._tickets.put(ticket, sha256, lease=await self._current())
        return Issued(text, created + timedelta(seconds=LIVES))

    async def _current(self) -> Lease:
        """A lease that lives for `LIVES` at least. Of several that are asked for at once the last one is shared."""
        began = self._clock()
        if self._lease is None or began >= self._shared_until:
            lease = await self._store.lease(LIVES + TOGETHER)
            self._lease, self._shared_until = lease, began + TOGETHER
            return lease
        return self._lease
