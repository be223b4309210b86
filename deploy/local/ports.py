"""A port in use is named with its owner, before anything is started."""

from __future__ import annotations

import socket
from collections.abc import Mapping

import psutil


class PortsTaken(Exception):
    """Ports that others listen on; `taken` says which and who."""

    def __init__(self, taken: Mapping[str, str]) -> None:
        lines = [f"  {setting}: {owner}" for setting, owner in taken.items()]
        super().__init__("ports are in use; end their owners or set other ports:\n" + "\n".join(lines))
        self.taken = dict(taken)


def require_free(ports: Mapping[str, int]) -> None:
    """Raise `PortsTaken` unless each of these TCP ports can be listened on."""
    taken = {setting: f"port {port} is held by {owner(port)}" for setting, port in ports.items() if not free(port)}
    if taken:
        raise PortsTaken(taken)


def free(port: int) -> bool:
    """Nobody listens on this TCP port of any local address."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("0.0.0.0", port))  # noqa: S104 - bound for a moment, never listened on
        except OSError:
            return False
    return True


def owner(port: int) -> str:
    """Who listens on a TCP port, as far as this user may see."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return "a process that only root may see"
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            if connection.pid is None:
                break
            process = psutil.Process(connection.pid)
            return f"{' '.join(process.cmdline())[:80] or process.name()} (pid {connection.pid})"
    return "a process that cannot be seen from here"
