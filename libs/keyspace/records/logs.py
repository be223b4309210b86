"""Where lines go beyond the rings, and the one-time rights to follow them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from libs.keyspace.document import Document, Sealed

PLATFORM = "platform"  # the scope of a drain that takes every app's lines


class Drain(Document):
    """A place that lines are sent to, under `drains/<scope>/<id>`: the scope is an app's uuid, or `platform`.

    `secret`, sealed for `drain:<id>`, is JSON: `user_info` (`user:password` of the URL, percent-encoded) and
    `client_key` (PEM), each where there is one.
    """

    id: str
    app: str = ""  # its name; empty for the platform's
    owner: str  # who added it
    url: str  # without its user and password
    token: str  # names the drain to its receiver: `d.<uuid>`
    select: dict[str, str] = Field(default_factory=dict)  # the filters, as a reader of lines gives them
    secret: Sealed = Sealed("")
    client_certificate: str = ""  # PEM
    ca: str = ""  # PEM; empty: the host's
    created: datetime


class DrainState(Document):
    """How a logger fares with a drain, under `drain_states/<id>/<logger>`; written now and then while it changes."""

    sent: int = 0  # lines, since `since`
    dropped: int = 0  # lines that the receiver never had
    waiting: int = 0  # lines
    until: int = 0  # ns; every line up to this time was delivered or dropped
    error: str = ""  # of the last try; empty: it succeeded
    failing: datetime | None = None  # since when it fails
    # By `<app uuid>/<instance>` where it stands: a time in ns, and lines since it.
    places: dict[str, tuple[int, int]] = Field(default_factory=dict)
    since: datetime
    updated: datetime


class Ticket(Document):
    """One use of one right, under `tickets/<sha256 of the ticket, hexadecimal>`; leased for 30 s, deleted when used."""

    kind: Literal["logs"]
    app: str
    app_uuid: str
    username: str
    admin: bool = False  # the right is a superuser's: it does not depend on the app's owner and collaborators
    token: str = ""  # the key of the token by which it was asked for: the right ends with that; empty: by none
    created: datetime
