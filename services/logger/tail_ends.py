"""Why a tail ends, and which ones must: by the records of its app, its reader, their token and the loggers.

What a mirror does not have is a verdict only where the mirror is sure: complete, current, and not behind the record as
it was when the reader came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from libs.keyspace.records import App, MeshMember, Ticket, Token, User
from libs.loglines.sharing import logger_of
from libs.store.mirror import Mirror


class End(NamedTuple):
    """What a reader is told at the end; `code` closes the connection (RFC 6455, section 7.4)."""

    reason: str
    detail: str
    code: int


class Ended(Exception):
    """The tail is at its end."""

    def __init__(self, end: End) -> None:
        super().__init__(end.detail)
        self.end = end


STOPPING = End("stopping", "this logger stops; take a new ticket and go on with the cursor", 1012)
EVICTED = End("moved", "the app's lines had to make room for others' here; take a new ticket", 1012)


def bad(detail: str) -> End:
    """The reader said what cannot be read."""
    return End("bad", detail, 1008)


def gone(app: str) -> End:
    """There is no such app any more."""
    return End("gone", f"the app {app} was destroyed", 1000)


@dataclass(frozen=True, slots=True)
class Right:
    """What a ticket gave, and the revisions of the records that it stood on."""

    ticket: Ticket
    app: int = 0
    user: int = 0
    token: int = 0


class Verdicts:
    """Judges rights as seen by the logger `id_`."""

    def __init__(
        self,
        id_: str,
        *,
        apps: Mirror[App],
        users: Mirror[User],
        tokens: Mirror[Token],
        loggers: Mirror[MeshMember],
    ) -> None:
        self._id = id_
        self._tokens = tokens
        self._apps = apps
        self._users = users
        self._loggers = loggers

    def on(self, right: Right) -> End | None:
        """Why a tail of this right must end; None: it goes on, or nobody knows better."""
        ticket = right.ticket
        if _sure(self._apps, right.app):
            app = self._apps.get(ticket.app)
            if app is None or app.uuid != ticket.app_uuid:
                return gone(ticket.app)
            if not ticket.admin and not is_of(app, ticket.username):
                return _forbidden(ticket)
            if _sure(self._users, right.user) and not may(self._users.get(ticket.username), app, ticket):
                return _forbidden(ticket)
        if ticket.token and _sure(self._tokens, right.token) and self._tokens.get(ticket.token) is None:
            return _revoked(ticket)
        return self.moved(ticket)

    def moved(self, ticket: Ticket) -> End | None:
        """Whether another logger keeps the app. One that is missing in its own list waits to be in it again."""
        if not _sure(self._loggers) or self._loggers.get("logger", self._id) is None:
            return None
        keeper = logger_of(ticket.app_uuid, [member for _, member in self._loggers.items("logger")])
        if keeper is None or keeper.id == self._id:
            return None
        return End("moved", f"the logger {keeper.id} keeps {ticket.app} now; take a new ticket", 1012)


def is_of(app: App, username: str) -> bool:
    """Whether a user is the app's owner or one of its collaborators."""
    return username == app.owner or username in app.collaborators


def may(user: User | None, app: App, ticket: Ticket) -> bool:
    """Whether the ticket's user may read the app's log, `user` being the account of that name now."""
    if user is None or not user.is_active or user.date_joined > ticket.created:  # a later account of the same name
        return False
    return (ticket.admin and user.is_superuser) or is_of(app, user.username)


def _forbidden(ticket: Ticket) -> End:
    return End("forbidden", f"{ticket.username} may not read the log of {ticket.app} any more", 1008)


def _revoked(ticket: Ticket) -> End:
    return End("revoked", f"the token by which {ticket.username} followed {ticket.app} was revoked", 1008)


def _sure(mirror: Mirror[Any], revision: int = 0) -> bool:
    return mirror.complete and mirror.current and mirror.revision >= revision
