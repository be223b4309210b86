"""The word with systemd (sd_notify(3)): one datagram to `$NOTIFY_SOCKET`; silent where there is none."""

from __future__ import annotations

import os
import socket


def notify(*assignments: str) -> bool:
    """Send `READY=1`, `STATUS=…`, `WATCHDOG=1`, …; False when nobody listens."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return False
    address = "\0" + path[1:] if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sock:
        try:
            sock.sendto("\n".join(assignments).encode(), address)
        except OSError:
            return False
    return True


def watchdog_seconds() -> float | None:
    """How often systemd wants to hear `WATCHDOG=1`, None when it does not (`$WATCHDOG_USEC`, `$WATCHDOG_PID`)."""
    usec = os.environ.get("WATCHDOG_USEC", "")
    pid = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not usec.isdigit() or pid != str(os.getpid()):
        return None
    return int(usec) / 1_000_000
