"""What routers suspect: which instances failed users' requests, and since when. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from libs.keyspace.records import Router


def suspicions(routers: Iterable[Router]) -> dict[str, datetime]:
    """The latest suspicion of any router, by instance id: a pass after it answers all the others too."""
    latest: dict[str, datetime] = {}
    for router in routers:
        for id_, view in router.instances.items():
            if view.state == "suspect" and view.since is not None:
                latest[id_] = max(view.since, latest.get(id_, view.since))
    return latest
