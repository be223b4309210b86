"""The address that a probe connects to, and what can go wrong there, in words."""

from __future__ import annotations

import errno
import ipaddress
import os
from dataclasses import dataclass

from services.health_checker.target import Target

WORDS = {
    errno.ECONNREFUSED: "connection refused",
    errno.EHOSTUNREACH: "no route",
    errno.ENETUNREACH: "no route",
    errno.ECONNRESET: "connection reset",
    errno.ETIMEDOUT: "no answer",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An IP address (never a name: a probe asks no DNS) and a port."""

    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    port: int

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        return f"{host}:{self.port}"

    def failure(self, error: OSError) -> str:
        """Why a connection failed, such as `connection refused by 10.1.2.3:5000`."""
        words = WORDS.get(error.errno or 0) or os.strerror(error.errno or 0)
        return f"{words} at {self}"


def endpoint_of(target: Target, port: int | None) -> Endpoint | str:
    """Where to probe: `port`, else the instance's own; or the reason why there is nowhere."""
    chosen = port if port is not None else target.port
    if target.address is None:
        return "the instance has no address"
    if chosen is None:
        return "the instance has no port"
    try:
        return Endpoint(ipaddress.ip_address(target.address), chosen)
    except ValueError:
        return f"{target.address!r} is not an IP address"
