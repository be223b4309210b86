"""The networks behind this host's bridges: engines have their containers there, round the router."""

from __future__ import annotations

import socket
import time
from ipaddress import ip_address, ip_interface
from pathlib import Path

import psutil

from services.logger.drains.addresses import Network

INTERFACES = Path("/sys/class/net")
KEPT_SECONDS = 5.0  # an engine makes networks at any time; a look takes a millisecond
_VERSIONS = {socket.AF_INET, socket.AF_INET6}


class Bridges:
    """The networks as they were at the last look, which was just now."""

    def __init__(self, interfaces: Path = INTERFACES) -> None:
        self._interfaces = interfaces
        self._looked: float | None = None
        self._networks: tuple[Network, ...] = ()

    def __call__(self) -> tuple[Network, ...]:
        """All of them."""
        now = time.monotonic()
        if self._looked is None or now >= self._looked + KEPT_SECONDS:
            self._networks = bridge_networks(self._interfaces)
            self._looked = now
        return self._networks


def bridge_networks(interfaces: Path = INTERFACES) -> tuple[Network, ...]:
    """The networks in which this host has an address on a bridge of its own."""
    return tuple(
        ip_interface(f"{found.address.partition('%')[0]}/{_length(found.netmask)}").network
        for name, addresses in psutil.net_if_addrs().items()
        if is_inner_bridge(interfaces / name)
        for found in addresses
        if found.family in _VERSIONS and found.netmask
    )


def is_inner_bridge(interface: Path) -> bool:
    """Whether it is a bridge whose ports are all within the host; through another one a network outside is reached."""
    if not (interface / "bridge").is_dir():
        return False
    return not any(_leads_out(interface.parent / port.name) for port in (interface / "brif").glob("*"))


def _leads_out(port: Path) -> bool:
    """Whether it is a device, or stands upon another interface, as a bond or a VLAN does."""
    return (port / "device").exists() or any(port.glob("lower_*"))


def _length(netmask: str) -> int:
    return int(ip_address(netmask)).bit_count()
