"""The commands that change HAProxy, as values; how they are said and which answer means yes.

Source: HAProxy 2.6 management guide, 9.3. `set map` refuses a key that is not there and `add map` doubles one that is,
so a write of either kind is told which it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

from services.router.names import endpoint
from services.router.structure import LOGGERS_BACKEND

# Idle connections to a server are let go within two of these: before an app's own keep-alive limit (5 s is common)
# closes one just as a request is put on it.
PURGE = "pool-purge-delay 1s"

# A server that gets requests only by its name, and is never chosen for its load.
BY_NAME = "weight 0"

# HAProxy's own observation of a server that is watched. After a failed connect it tries one of its own 50 ms later; if
# that fails too, the server is down: no request goes there. It is up again with the first connection it accepts, looked
# for every 500 ms, unless this daemon drained it meanwhile. A server that fails nobody is tried once an hour.
WATCH = "check inter 1h fastinter 50ms downinter 500ms rise 1 fall 1 observe layer4 error-limit 1 on-error fastinter"


@dataclass(frozen=True, slots=True)
class AddServer:
    """A new server; it begins in `maint`, and is not watched."""

    backend: str
    name: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class SetState:
    """Put a server in rotation, let it drain, or take it out."""

    backend: str
    name: str
    state: Literal["ready", "drain", "maint"]


@dataclass(frozen=True, slots=True)
class SetWatch:
    """Have HAProxy take a server out by itself when connections to it fail, or not."""

    backend: str
    name: str
    on: bool


@dataclass(frozen=True, slots=True)
class SetUp:
    """Use a server again that HAProxy had found down."""

    backend: str
    name: str


@dataclass(frozen=True, slots=True)
class SetAddress:
    """Point a server elsewhere; its idle connections are closed."""

    backend: str
    name: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class CutSessions:
    """End the requests in flight on a server."""

    backend: str
    name: str


@dataclass(frozen=True, slots=True)
class DeleteServer:
    """Forget a server; refused until it is in `maint` and has no connection."""

    backend: str
    name: str


@dataclass(frozen=True, slots=True)
class SetHost:
    """A host's app."""

    host: str
    app: str
    known: bool  # the map has the host already


@dataclass(frozen=True, slots=True)
class DropHost:
    """A host that is no app's any more."""

    host: str


@dataclass(frozen=True, slots=True)
class SetSlot:
    """An app's back end."""

    app: str
    backend: str
    known: bool  # the map has the app already


@dataclass(frozen=True, slots=True)
class DropSlot:
    """An app without a back end."""

    app: str


@dataclass(frozen=True, slots=True)
class SetTimeout:
    """How long an app's requests may be silent, in milliseconds."""

    app: str
    milliseconds: str
    known: bool  # the map has the app already


@dataclass(frozen=True, slots=True)
class DropTimeout:
    """An app with the router's own timeout."""

    app: str


Command = (
    AddServer
    | SetState
    | SetWatch
    | SetUp
    | SetAddress
    | CutSessions
    | DeleteServer
    | SetHost
    | DropHost
    | SetSlot
    | DropSlot
    | SetTimeout
    | DropTimeout
)


@dataclass(frozen=True, slots=True)
class Maps:
    """The names by which HAProxy knows its maps: the paths that they were loaded from."""

    hosts: str
    slots: str
    timeouts: str


def line(command: Command, maps: Maps) -> str:  # noqa: C901, PLR0911, PLR0912 - one for each kind
    """The command as HAProxy's command line reads it."""
    match command:
        case AddServer(backend, name, address, port):
            weight = f" {BY_NAME}" if backend == LOGGERS_BACKEND else ""
            return f"add server {backend}/{name} {endpoint(address, port)} {PURGE} {WATCH}{weight}"
        case SetState(backend, name, state):
            return f"set server {backend}/{name} state {state}"
        case SetWatch(backend, name, on):
            return f"{'enable' if on else 'disable'} health {backend}/{name}"
        case SetUp(backend, name):
            return f"set server {backend}/{name} health up"
        case SetAddress(backend, name, address, port):
            return f"set server {backend}/{name} addr {address} port {port}"
        case CutSessions(backend, name):
            return f"shutdown sessions server {backend}/{name}"
        case DeleteServer(backend, name):
            return f"del server {backend}/{name}"
        case SetHost(host, app, known):
            return f"{'set' if known else 'add'} map {maps.hosts} {host} {app}"
        case DropHost(host):
            return f"del map {maps.hosts} {host}"
        case SetSlot(app, backend, known):
            return f"{'set' if known else 'add'} map {maps.slots} {app} {backend}"
        case DropSlot(app):
            return f"del map {maps.slots} {app}"
        case SetTimeout(app, milliseconds, known):
            return f"{'set' if known else 'add'} map {maps.timeouts} {app} {milliseconds}"
        case DropTimeout(app):
            return f"del map {maps.timeouts} {app}"
        case _:
            assert_never(command)


def accepted(command: Command, answer: str) -> bool:
    """Whether HAProxy's answer means that it did as asked."""
    answer = answer.strip()
    match command:
        case AddServer():
            return answer == "New server registered."
        case DeleteServer():
            return answer == "Server deleted."
        case SetAddress():
            return "changed from" in answer or answer.startswith(("no need to change", "nothing changed"))
        case _:
            return not answer
