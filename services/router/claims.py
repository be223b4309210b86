"""Who has an address: the newest claim evicts the older ones, of the same app or another's."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from libs.keyspace.records import Service

Address = tuple[str, int]


@dataclass
class Claims:
    """The claims on each address and port, kept up to date record by record."""

    _by_address: dict[Address, dict[str, tuple[datetime, str]]] = field(default_factory=dict)

    def move(self, app: str, instance: str, old: Service | None, new: Service | None) -> set[str]:
        """Take in that an instance's record changed from `old` to `new`; returns the apps that this may concern."""
        concerned = {app}
        if old is not None:
            address = (old.address, old.port)
            claimants = self._by_address.get(address, {})
            claimants.pop(instance, None)
            concerned |= {other for _, other in claimants.values()}
            if not claimants:
                self._by_address.pop(address, None)
        if new is not None:
            claimants = self._by_address.setdefault((new.address, new.port), {})
            concerned |= {other for _, other in claimants.values()}
            claimants[instance] = (new.published, app)
        return concerned

    def holds(self, instance: str, service: Service) -> bool:
        """Whether the instance has the newest claim on its address."""
        claimants = self._by_address.get((service.address, service.port), {})
        newest = max(claimants, key=lambda each: (claimants[each][0], each), default=instance)
        return newest == instance
