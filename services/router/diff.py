"""What to say to HAProxy so that it has what is wanted: a pure function of the two pictures.

Servers that are not wanted any more are only put in `drain` here; they leave by `drains`, when their last request has.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.router.actual import Server
from services.router.commands import (
    AddServer,
    Command,
    DropHost,
    DropTimeout,
    SetAddress,
    SetHost,
    SetState,
    SetTimeout,
    SetUp,
    SetWatch,
)


def diff_servers(backend: str, wanted: Mapping[str, Server], actual: Mapping[str, Server]) -> list[Command]:
    """The commands for one back end. What comes into rotation comes before what leaves it: it is never without any.

    A server that HAProxy found down is up again at once unless it is still to be watched: whether another one gets
    requests is ours to say.
    """
    arriving: list[Command] = []
    leaving: list[Command] = []
    for name, server in wanted.items():
        commands = arriving if server.state == "ready" else leaving
        commands += _diff_server(backend, name, server, actual.get(name))
    leaving += [
        SetState(backend, name, "drain")
        for name, have in actual.items()
        if name not in wanted and have.state == "ready"
    ]
    return [*arriving, *leaving]


def diff_hosts(wanted: Mapping[str, str], actual: Mapping[str, str]) -> list[Command]:
    """The commands for the map of hosts."""
    commands: list[Command] = [
        SetHost(host, app, known=host in actual) for host, app in wanted.items() if actual.get(host) != app
    ]
    commands += [DropHost(host) for host in actual if host not in wanted]
    return commands


def diff_timeout(app: str, wanted: str | None, have: str | None) -> list[Command]:
    """The commands for an app's entry in the map of timeouts."""
    if wanted == have:
        return []
    return [DropTimeout(app)] if wanted is None else [SetTimeout(app, wanted, known=have is not None)]


def _diff_server(backend: str, name: str, wanted: Server, have: Server | None) -> list[Command]:
    commands: list[Command] = []
    if have is None:
        commands.append(AddServer(backend, name, wanted.address, wanted.port))
        have = Server(wanted.address, wanted.port, "maint")
    elif (have.address, have.port) != (wanted.address, wanted.port):
        commands.append(SetAddress(backend, name, wanted.address, wanted.port))
    watch = [SetWatch(backend, name, wanted.watched)] if wanted.watched is not None else []
    if have.watched is None or have.watched == wanted.watched:
        watch = []
    change = [SetState(backend, name, wanted.state)] if have.state != wanted.state else []
    up = [] if have.up or wanted.watched else [SetUp(backend, name)]
    if wanted.watched or wanted.state != "ready":
        return [*commands, *change, *watch, *up]
    return [*commands, *watch, *up, *change]  # not watched any more, before it is used again
