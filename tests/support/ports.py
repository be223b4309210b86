"""Free ports on the loopback."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A TCP port that nobody listens on now; the kernel does not hand it out again soon."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
