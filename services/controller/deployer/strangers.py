"""Containers that no record owns: reported, never touched."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from libs.engine import Population

log = structlog.get_logger("deployer")


class Strangers:
    """Those of the last complete answer of the engine; each is told of once."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}  # reason by container name

    def look(self, population: Population, owned: Iterable[str]) -> None:
        """Compare what the engine has with the uuids of the apps that there are."""
        uuids = set(owned)
        found = {stranger.name: stranger.reason for stranger in population.strangers}
        found |= {
            instance.name: f"no app has the uuid {instance.identity.app_uuid}"
            for instance in population.instances
            if instance.identity.app_uuid not in uuids
        }
        for name in sorted(found.keys() - self.found.keys()):
            log.warning("a container that no record owns is left alone", name=name, reason=found[name])
        self.found = found
