"""What HAProxy has: its servers and maps, and how each command changes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, assert_never

from services.router.commands import (
    AddServer,
    Command,
    CutSessions,
    DeleteServer,
    DropHost,
    DropSlot,
    DropTimeout,
    SetAddress,
    SetHost,
    SetSlot,
    SetState,
    SetTimeout,
    SetUp,
    SetWatch,
)

State = Literal["ready", "drain", "maint"]


@dataclass(frozen=True, slots=True)
class Server:
    """One server of a back end. `drain`: no new request; `maint`: none, and its idle connections are closed.

    `watched`: HAProxy takes it out by itself when connections to it fail; None: it was not added so that it could.
    Not `up`: HAProxy did that.
    """

    address: str
    port: int
    state: State
    watched: bool | None = False
    up: bool = True

    @property
    def serving(self) -> bool:
        """Whether new requests go there."""
        return self.state == "ready" and self.up


@dataclass
class Actual:
    """HAProxy's state as far as it concerns us: a host has an app, an app a back end, a back end its servers."""

    hosts: dict[str, str] = field(default_factory=dict)  # host → app
    slots: dict[str, str] = field(default_factory=dict)  # app → back end
    servers: dict[str, dict[str, Server]] = field(default_factory=dict)  # back end → name → server
    timeouts: dict[str, str] = field(default_factory=dict)  # app → milliseconds

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
            dict(self.hosts),
            dict(self.slots),
            {backend: dict(those) for backend, those in self.servers.items()},
            dict(self.timeouts),
        )

    def all_keys(self) -> Iterator[tuple[str, str]]:
        """Every server's back end and name."""
        for backend, name, _ in self.all_servers():
            yield backend, name

    def found_down(self, backend: str, name: str) -> None:
        """Take in that HAProxy took a server out by itself."""
        if (have := self.servers.get(backend, {}).get(name)) is not None:
            self.servers[backend][name] = replace(have, up=False)

    def apply(self, command: Command) -> None:  # noqa: C901, PLR0912 - one for each kind
        """Change as HAProxy does when it accepts the command."""
        match command:
            case AddServer(backend, name, address, port):
                self.servers.setdefault(backend, {})[name] = Server(address, port, "maint")
            case SetState(backend, name, state):
                self._change(backend, name, state=state)
            case SetWatch(backend, name, on):
                self._change(backend, name, watched=on)
            case SetUp(backend, name):
                self._change(backend, name, up=True)
            case SetAddress(backend, name, address, port):
                self._change(backend, name, address=address, port=port)
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
            case SetTimeout(app, milliseconds):
                self.timeouts[app] = milliseconds
            case DropTimeout(app):
                self.timeouts.pop(app, None)
            case CutSessions():
                pass
            case _:
                assert_never(command)

    def _change(self, backend: str, name: str, **values: Any) -> None:
        self.servers[backend][name] = replace(self.servers[backend][name], **values)
