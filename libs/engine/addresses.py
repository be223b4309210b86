"""Which address the next instance gets: next-fit over the subnet, and a quarantine after each life.

An address that one instance just left is still in the minds of routers: given to another app at once, it would send one
app's users to another. So the search goes on from the last address given, and a freed one rests. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from types import MappingProxyType

from libs.engine.errors import AddressesExhausted

NOTHING: Mapping[IPv4Address, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Pool:
    """The addresses that instances may have: a subnet without its ends, its gateway and what others were promised."""

    subnet: IPv4Network
    gateway: IPv4Address | None = None
    promised: IPv4Network | None = None  # a range that the engine gives out by itself

    def __contains__(self, address: object) -> bool:
        return (
            isinstance(address, IPv4Address)
            and address in self.subnet
            and address not in {self.subnet.network_address, self.subnet.broadcast_address, self.gateway}
            and (self.promised is None or address not in self.promised)
        )


@dataclass(frozen=True, slots=True)
class Ledger:
    """What must be remembered of addresses between two starts: the last one given, and who rests until when."""

    last: IPv4Address | None = None
    resting: Mapping[IPv4Address, float] = field(default_factory=lambda: NOTHING)  # until, seconds since the epoch

    def rested(self, now: float) -> Ledger:
        """Without those whose quarantine is over."""
        return Ledger(self.last, {address: until for address, until in self.resting.items() if until > now})

    def freed(self, address: IPv4Address, *, until: float) -> Ledger:
        """With one more in quarantine; a longer one that it has already is kept."""
        return Ledger(self.last, {**self.resting, address: max(until, self.resting.get(address, until))})


def take(pool: Pool, ledger: Ledger, taken: Collection[IPv4Address], *, now: float) -> tuple[IPv4Address, Ledger]:
    """The next address after the last one given that nobody has and that does not rest; and the new ledger.

    With no memory of a last one, the search begins behind the highest taken. Raises `AddressesExhausted`.
    """
    ledger = ledger.rested(now)
    last = ledger.last
    if last is None or last not in pool.subnet:
        last = max((address for address in taken if address in pool.subnet), default=pool.subnet.network_address)
    first, size = int(pool.subnet.network_address), pool.subnet.num_addresses
    for step in range(1, size + 1):
        address = IPv4Address(first + (int(last) - first + step) % size)
        if address in pool and address not in taken and address not in ledger.resting:
            return address, Ledger(address, ledger.resting)
    raise AddressesExhausted(str(pool.subnet))
