"""What is sealed in the store, with which key, and whether it opens here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from libs.keyspace import BadKey, BadRecord, Document, Keyspace, Sealed
from libs.store import Store
from libs.store.shelf import Stored, read
from libs.store.store import Entry
from libs.vault.fields import SEALED, SealedField
from libs.vault.vault import KeyMissing, SealBroken, Vault, key_of

SEAL = re.compile(rb'"([0-9A-Za-z_.-]{1,64}):[A-Za-z0-9+/]{38,}={0,2}"')  # a nonce and a tag, at least


@dataclass(frozen=True)
class Found:
    """One sealed text of the store."""

    key: str  # of the record
    field: SealedField
    stored: Stored[Document]
    place: str
    sealed: Sealed

    @property
    def name(self) -> str:
        """How people name it, and where it is."""
        return f"{self.field.name(self.stored.parts, self.stored.document)} ({self.key})"


@dataclass(frozen=True)
class Inventory:
    """All sealed texts at one revision of the store, sorted by key."""

    found: Sequence[Found] = ()
    missing: Mapping[str, Sequence[str]] = field(default_factory=dict)  # names, by the id of a key that is not here
    broken: Mapping[str, str] = field(default_factory=dict)  # by name, the reason
    strays: Mapping[str, Sequence[str]] = field(default_factory=dict)  # by key id, records with a seal not listed
    unread: Mapping[str, str] = field(default_factory=dict)  # by key, why a record could not be read

    @property
    def by_key(self) -> Counter[str]:
        """How many are sealed with each key."""
        return Counter(key_of(one.sealed) for one in self.found)

    @property
    def opening(self) -> int:
        """How many of them open."""
        return len(self.found) - sum(map(len, self.missing.values())) - len(self.broken)

    def needing(self, key_id: str) -> list[str]:
        """The names of all that takes this key: in a field that is listed, or anywhere else."""
        listed = [one.name for one in self.found if key_of(one.sealed) == key_id]
        return [*listed, *self.strays.get(key_id, ())]


async def take_inventory(store: Store, keyspace: Keyspace, vault: Vault) -> Inventory:
    """Look at every record of the platform, as of one revision. Raises `StoreUnavailable`."""
    listing = await store.list(f"{keyspace.prefix}/")
    found: list[Found] = []
    missing: dict[str, list[str]] = {}
    broken: dict[str, str] = {}
    strays: dict[str, list[str]] = {}
    unread: dict[str, str] = {}
    for entry in listing.entries:
        try:
            own = list(sealed_in(keyspace, entry))
        except (BadRecord, BadKey) as error:
            own = []
            unread[entry.key] = str(error)
        found += own
        for one in own:
            try:
                vault.unseal_text(one.place, one.sealed)
            except KeyMissing:
                missing.setdefault(key_of(one.sealed), []).append(one.name)
            except SealBroken as error:
                broken[one.name] = str(error)
        for key_id in strange(entry, own):
            strays.setdefault(key_id, []).append(entry.key)
    return Inventory(found, missing, broken, strays, unread)


def sealed_in(keyspace: Keyspace, entry: Entry) -> Iterator[Found]:
    """The sealed texts of a record; raises `BadRecord`, `BadKey` for one that should have some and cannot be read."""
    collections = keyspace.collections()
    for one in SEALED:
        collection = collections[one.collection]
        if not entry.key.startswith(collection.path + "/"):
            continue
        place = one.place(collection.parse(entry.key))
        if place is None:
            continue
        stored = read(collection, entry)
        if (sealed := one.of(stored.document)) is not None:
            yield Found(entry.key, one, stored, place, sealed)


def strange(entry: Entry, own: Sequence[Found]) -> list[str]:
    """The keys of what looks sealed in a record beside the fields that are known: a newer release may have more."""
    looks = Counter(found.decode() for found in SEAL.findall(entry.value))
    return list((looks - Counter(key_of(one.sealed) for one in own)).elements())
