"""An operator's word that a restored or exchanged store is the right one: a record in that store itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from libs.keyspace import BadRecord, Keyspace
from libs.keyspace.records import PlatformSetting
from libs.store.shelf import Shelf
from libs.store.store import Identity, Store

NAME = "store"  # of the record, under `platform/`


@dataclass(frozen=True)
class Acceptance:
    """Which store was accepted, and when."""

    cluster: str
    at: datetime


async def accept_store(store: Store, keyspace: Keyspace) -> Identity:
    """Accept the store as it is now, and return what was accepted. `store` is a bare driver: a guard holds it."""
    identity = await store.identity()
    value = PlatformSetting(value={"cluster": identity.cluster, "accepted_at": datetime.now(UTC).isoformat()})
    await Shelf(store, keyspace.platform).put(value, NAME)
    return identity


async def find_acceptance(store: Store, keyspace: Keyspace) -> Acceptance | None:
    """The acceptance in the store, None when there is none that can be read."""
    try:
        stored = await Shelf(store, keyspace.platform).get(NAME)
        if stored is None or not isinstance(stored.document.value, dict):
            return None
        value = stored.document.value
        return Acceptance(str(value["cluster"]), datetime.fromisoformat(str(value["accepted_at"])).astimezone(UTC))
    except (BadRecord, KeyError, ValueError):
        return None
