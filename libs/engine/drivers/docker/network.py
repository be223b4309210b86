"""The platform's own network: a bridge whose addresses the driver gives out itself.

The engine may give out by itself only what lies in the last sixteenth (`IPRange`), so that a container which somebody
starts in this network by hand never has an address of an instance's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import structlog

from libs.engine.addresses import Pool
from libs.engine.drivers.docker.wire import Refusal, Wire
from libs.engine.errors import EngineError
from libs.engine.labels import PLATFORM

# Rarely used by others; 172.17 to 172.31 are Docker's own first choices.
CANDIDATES = tuple(IPv4Network(f"10.{second}.0.0/16") for second in (*range(210, 250), *range(110, 150)))

log = structlog.get_logger("engine")


class NetworkRefused(EngineError):
    """The platform's network cannot be made; the message says why, in the engine's words."""


class Network:
    """The network `deis-<platform>`: made when it is first needed, adopted as it is where it is there."""

    def __init__(self, wire: Wire, platform: str, subnet: str = "") -> None:
        self.name = f"deis-{platform}"
        self._wire = wire
        self._platform = platform
        self._wanted = IPv4Network(subnet) if subnet else None
        self._pool: Pool | None = None

    async def pool(self) -> Pool:
        """The addresses that instances may have here. Raises `NetworkRefused`."""
        if self._pool is None:
            found = await self._look() or await self._make()
            self._pool = read_pool(found)
            if self._wanted is not None and self._wanted != self._pool.subnet:
                log.warning(
                    "network has another subnet, and keeps it", network=self.name, subnet=str(self._pool.subnet)
                )
        return self._pool

    def forget(self) -> None:
        """Look again next time: it seems to have gone."""
        self._pool = None

    async def _look(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = await self._wire.ask("GET", f"networks/{self.name}")
        except Refusal as refusal:
            if refusal.status == 404:
                return None
            raise NetworkRefused(f"network {self.name}: {refusal.words}") from refusal
        return found

    async def _make(self) -> dict[str, Any]:
        words = "every candidate overlaps with a route of this host; set DEIS_SUBNET"
        for subnet in [self._wanted] if self._wanted else self._candidates():
            try:
                await self._wire.ask("POST", "networks/create", body=self._body(subnet))
            except Refusal as refusal:
                words = refusal.words
                if refusal.status != 409 and "overlap" in words.lower():
                    continue
                if refusal.status != 409:
                    break
            if found := await self._look():  # as it is now, whoever was first to make it
                log.info("network is there", network=self.name, subnet=str(subnet))
                return found
        raise NetworkRefused(f"network {self.name} cannot be made: {words}")

    def _candidates(self) -> Iterator[IPv4Network]:
        routes = read_routes(Path("/proc/net/route").read_text()) if self._wire.local else ()
        yield from (subnet for subnet in CANDIDATES if not any(subnet.overlaps(route) for route in routes))

    def _body(self, subnet: IPv4Network) -> dict[str, Any]:
        ipam = {"Subnet": str(subnet), "Gateway": str(subnet.network_address + 1)}
        if promised := promised_range(subnet):
            ipam["IPRange"] = str(promised)
        return {
            "Name": self.name,
            "CheckDuplicate": True,
            "Driver": "bridge",
            "Labels": {PLATFORM: self._platform},
            "IPAM": {"Driver": "default", "Config": [ipam]},
        }


def promised_range(subnet: IPv4Network) -> IPv4Network | None:
    """The part of a new subnet that the engine may give out by itself; a small subnet has none."""
    return None if subnet.prefixlen > 26 else list(subnet.subnets(prefixlen_diff=4))[-1]


def read_pool(network: dict[str, Any]) -> Pool:
    """The pool of a network as the engine describes it. Raises `NetworkRefused` where it has no IPv4."""
    for config in network.get("IPAM", {}).get("Config") or ():
        if ":" not in config.get("Subnet", ":"):
            return Pool(
                subnet=IPv4Network(config["Subnet"]),
                gateway=IPv4Address(config["Gateway"].partition("/")[0]) if config.get("Gateway") else None,
                promised=IPv4Network(config["IPRange"]) if config.get("IPRange") else None,
            )
    raise NetworkRefused(f"network {network.get('Name')} has no IPv4 subnet; remove it, and it is made anew")


def read_routes(text: str) -> Sequence[IPv4Network]:
    """Where this host's routes lead, from `/proc/net/route` (addresses there are hexadecimal, in the host's order)."""
    routes = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        destination, mask = int(fields[1], 16), int(fields[7], 16)
        if mask:  # the default route leads everywhere
            routes.append(IPv4Network((destination.to_bytes(4, "little"), mask.bit_count())))
    return routes
