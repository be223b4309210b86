"""What the API and the deployer of one process both look at: mirrored once, for both."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, fields
from typing import Any

from libs.keyspace import Keyspace
from libs.keyspace.records import App, Build, Health, Instance, LogEnd, Node, Release, Retiring, Rollout
from libs.store import Store
from libs.store.mirror import Mirror
from services.controller.outlines import Outlines

RECENT = 64  # documents at hand of a packed collection


@dataclass(frozen=True)
class Mirrors:
    """The mirrors, and the outlines of the rollouts, which are as new for whoever is told of a change."""

    apps: Mirror[App]
    rollouts: Mirror[Rollout]
    instances: Mirror[Instance]
    health: Mirror[Health]
    retiring: Mirror[Retiring]
    log_ends: Mirror[LogEnd]
    nodes: Mirror[Node]
    builds: Mirror[Build]
    releases: Mirror[Release]
    outlines: Outlines

    @classmethod
    def of(cls, store: Store, keyspace: Keyspace) -> Mirrors:
        """Those of a store, not running yet."""
        rollouts = Mirror(store, keyspace.rollouts, recent=RECENT // 4)
        return cls(
            apps=Mirror(store, keyspace.apps),
            rollouts=rollouts,
            instances=Mirror(store, keyspace.instances, recent=RECENT),
            health=Mirror(store, keyspace.health, recent=RECENT),
            retiring=Mirror(store, keyspace.retiring),
            log_ends=Mirror(store, keyspace.log_ends),
            nodes=Mirror(store, keyspace.nodes),
            builds=Mirror(store, keyspace.builds, recent=RECENT),
            releases=Mirror(store, keyspace.releases, recent=2 * RECENT),  # a page and more
            outlines=Outlines(rollouts),
        )

    def all(self) -> dict[str, Mirror[Any]]:
        """By name."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "outlines"}

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """What keeps them live, by task name."""
        return {f"mirror_{name}": mirror.run() for name, mirror in self.all().items()}
