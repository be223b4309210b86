"""The commands that change HAProxy, as values; how they are said and which answer means yes.

Source: HAProxy 2.6 management guide, 9.3. `set map` refuses a key that is not there and `add map` doubles one that is,
so a write of either kind is told which it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

from services.router.names import endpoint

# Idle connections to a server are let go within two of these: before an app's own keep-alive limit (5 s is common)
# closes one just as a request is put on it.
PURGE = "pool-purge-delay 1s"


@dataclass(frozen=True, slots=True)
class AddServer:
    """A new server; it begins in `maint`."""

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


Command = AddServer | SetState | SetAddress | CutSessions | DeleteServer | SetHost | DropHost | SetSlot | DropSlot


@dataclass(frozen=True, slots=True)
class Maps:
    """The names by which HAProxy knows its two maps: the paths that they were loaded from."""

    hosts: str
    slots: str


def line(command: Command, maps: Maps) -> str:  # noqa: PLR0911 - one for each kind
    """The command as HAProxy's command line reads it."""
    match command:
        case AddServer(backend, name, address, port):
            return f"add server {backend}/{name} {endpoint(address, port)} {PURGE}"
        case SetState(backend, name, state):
            return f"set server {backend}/{name} state {state}"
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
