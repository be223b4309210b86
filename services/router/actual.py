"""What HAProxy has: its servers and maps, and how each command changes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, assert_never

from services.router.commands import (
    AddServer,
    Command,
    CutSessions,
    DeleteServer,
    DropHost,
    DropSlot,
    SetAddress,
    SetHost,
    SetSlot,
    SetState,
)

State = Literal["ready", "drain", "maint"]


@dataclass(frozen=True, slots=True)
class Server:
    """One server of a back end. `drain`: no new request; `maint`: none, and its idle connections are closed."""

    address: str
    port: int
    state: State


@dataclass
class Actual:
    """HAProxy's state as far as it concerns us: a host has an app, an app a back end, a back end its servers."""

    hosts: dict[str, str] = field(default_factory=dict)  # host → app
    slots: dict[str, str] = field(default_factory=dict)  # app → back end
    servers: dict[str, dict[str, Server]] = field(default_factory=dict)  # back end → name → server

    def of_app(self, app: str) -> Mapping[str, Server]:
        """The servers that an app's traffic may go to."""
        return self.servers.get(self.slots.get(app, ""), {})

    def all_servers(self) -> Iterator[tuple[str, str, Server]]:
        """Every server, with its back end and name."""
        for backend, servers in self.servers.items():
            for name, server in servers.items():
                yield backend, name, server

    def copy(self) -> Actual:
        """One that can be changed without changing this one."""
        return Actual(
            dict(self.hosts), dict(self.slots), {backend: dict(those) for backend, those in self.servers.items()}
        )

    def all_keys(self) -> Iterator[tuple[str, str]]:
        """Every server's back end and name."""
        for backend, name, _ in self.all_servers():
            yield backend, name

    def apply(self, command: Command) -> None:
        """Change as HAProxy does when it accepts the command."""
        match command:
            case AddServer(backend, name, address, port):
                self.servers.setdefault(backend, {})[name] = Server(address, port, "maint")
            case SetState(backend, name, state):
                have = self.servers[backend][name]
                self.servers[backend][name] = Server(have.address, have.port, state)
            case SetAddress(backend, name, address, port):
                self.servers[backend][name] = Server(address, port, self.servers[backend][name].state)
            case DeleteServer(backend, name):
                del self.servers[backend][name]
                if not self.servers[backend]:
                    del self.servers[backend]
            case SetHost(host, app):
                self.hosts[host] = app
            case DropHost(host):
                self.hosts.pop(host, None)
            case SetSlot(app, backend):
                self.slots[app] = backend
            case DropSlot(app):
                self.slots.pop(app, None)
            case CutSessions():
                pass
            case _:
                assert_never(command)
