"""The address that a probe connects to, and what can go wrong there, in words."""

from __future__ import annotations

import errno
import ipaddress
import os
from dataclasses import dataclass

from services.health_checker.probe import Outcome
from services.health_checker.target import Target

WORDS = {
    errno.ECONNREFUSED: "connection refused",
    errno.EHOSTUNREACH: "no route",
    errno.ENETUNREACH: "no route",
    errno.ECONNRESET: "connection reset",
    errno.ETIMEDOUT: "no answer",
}
OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})  # this host's want


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An IP address (never a name: a probe asks no DNS) and a port."""

    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    port: int

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        return f"{host}:{self.port}"

    @property
    def pair(self) -> tuple[str, int]:
        """As the socket module takes it."""
        return str(self.address), self.port

    def failure(self, error: int) -> Outcome:
        """Why a connection failed, by its `errno`: such as `connection refused at 10.1.2.3:5000`."""
        if error in OURS:
            return Outcome(passed=False, reason=f"the checker cannot connect: {os.strerror(error).lower()}", fault=True)
        return Outcome(passed=False, reason=f"{WORDS.get(error) or os.strerror(error).lower()} at {self}")


def endpoint_of(target: Target, port: int | None) -> Endpoint | Outcome:
    """Where to probe: `port`, else the instance's own; where there is nowhere, that is the outcome."""
    chosen = port if port is not None else target.port
    if target.address is None:
        return Outcome(passed=False, reason="the instance has no address")
    if chosen is None:
        return Outcome(passed=False, reason="the instance has no port")
    try:
        return Endpoint(ipaddress.ip_address(target.address), chosen)
    except ValueError:
        return Outcome(passed=False, reason=f"{target.address!r} is not an IP address")
