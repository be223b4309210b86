"""Free ports on the loopback."""

from __future__ import annotations

import random
import socket

# Below those that the kernel gives to outgoing connections (net.ipv4.ip_local_port_range begins at 32768): what is
# killed and started again shall find its port as it left it. No port is given twice by a process.
_CANDIDATES = iter(random.sample(range(10_000, 32_768), k=22_768))


def free_port() -> int:
    """A TCP port that nobody listens on now, and that nobody is given by chance."""
    for port in _CANDIDATES:
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no TCP port is left between 10000 and 32767")
