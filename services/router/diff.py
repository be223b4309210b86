"""What to say to HAProxy so that it has what is wanted: a pure function of the two pictures.

Servers that are not wanted any more are only put in `drain` here; they leave by `drains`, when their last request has.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.router.actual import Server
from services.router.commands import AddServer, Command, DropHost, SetAddress, SetHost, SetState


def diff_servers(backend: str, wanted: Mapping[str, Server], actual: Mapping[str, Server]) -> list[Command]:
    """The commands for one back end. What comes into rotation comes before what leaves it: it is never without any."""
    arriving: list[Command] = []
    leaving: list[Command] = []
    for name, server in wanted.items():
        have = actual.get(name)
        commands = arriving if server.state == "ready" else leaving
        if have is None:
            commands.append(AddServer(backend, name, server.address, server.port))
        elif (have.address, have.port) != (server.address, server.port):
            commands.append(SetAddress(backend, name, server.address, server.port))
        if have is None or have.state != server.state:
            commands.append(SetState(backend, name, server.state))
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
