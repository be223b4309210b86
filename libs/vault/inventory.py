"""What is sealed in the store, with which key, and whether it opens here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from libs.keyspace import BadKey, BadRecord, Document, Keyspace, Sealed
from libs.store import Store
from libs.store.shelf import Stored, read
from libs.store.store import Entry
from libs.vault.fields import SEALED, SealedField
from libs.vault.vault import KeyMissing, SealBroken, Vault, key_of

SEAL = re.compile(rb'"([0-9A-Za-z_.-]{1,64}):[A-Za-z0-9+/]{38,}={0,2}"')  # a nonce and a tag, at least


@dataclass(frozen=True)
class Secret:
    """One sealed text of the store."""

    entry_key: str
    field: SealedField
    stored: Stored[Document]
    place: str
    sealed: Sealed
    trouble: str = ""  # why it does not open; empty: it does
    keyless: bool = False  # it does not open since its key is not here

    @property
    def key_id(self) -> str:
        """The key that it takes."""
        return key_of(self.sealed)

    @property
    def name(self) -> str:
        """How people name it, and where it is."""
        return f"{self.field.name(self.stored.parts, self.stored.document)} ({self.entry_key})"


@dataclass(frozen=True)
class Inventory:
    """All secrets at one revision of the store, sorted by key.

    `strays` are records, by the id of a key, in which something looks sealed with it beside the fields that are known:
    a newer release may have more of them. `unread` are records that cannot be read, with the reason.
    """

    secrets: Sequence[Secret] = ()
    strays: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def by_key(self) -> Counter[str]:
        """How many are sealed with each key."""
        return Counter(secret.key_id for secret in self.secrets)

    @property
    def shut(self) -> list[Secret]:
        """Those that do not open here."""
        return [secret for secret in self.secrets if secret.trouble]

    def older(self, key_id: str) -> list[Secret]:
        """Those that open, and are sealed with another key than this one."""
        return [secret for secret in self.secrets if not secret.trouble and secret.key_id != key_id]

    def needing(self, key_id: str) -> list[str]:
        """The names of all that takes this key, known fields and others."""
        known = [secret.name for secret in self.secrets if secret.key_id == key_id]
        return [*known, *self.strays.get(key_id, ())]


async def take_inventory(store: Store, keyspace: Keyspace, vault: Vault) -> Inventory:
    """Look at every record of the platform, as of one revision. Raises `StoreUnavailable`."""
    listing = await store.list(f"{keyspace.prefix}/")
    secrets: list[Secret] = []
    strays: dict[str, list[str]] = {}
    unread: dict[str, str] = {}
    for entry in listing.entries:
        own: list[Secret] = []
        try:
            own += secrets_in(keyspace, entry)
        except (BadRecord, BadKey) as error:
            unread[entry.key] = str(error)
        secrets += [tried(vault, secret) for secret in own]
        for key_id in strange(entry, own):
            strays.setdefault(key_id, []).append(entry.key)
    return Inventory(secrets, strays, unread)


def secrets_in(keyspace: Keyspace, entry: Entry) -> Iterator[Secret]:
    """The secrets of a record; raises `BadRecord`, `BadKey` for one that should have some and cannot be read."""
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
            yield Secret(entry.key, one, stored, place, sealed)


def tried(vault: Vault, secret: Secret) -> Secret:
    """The same, with what came of opening it."""
    try:
        vault.unseal_text(secret.place, secret.sealed)
    except SealBroken as error:
        return replace(secret, trouble=str(error), keyless=isinstance(error, KeyMissing))
    return secret


def strange(entry: Entry, own: Sequence[Secret]) -> list[str]:
    """The keys of what looks sealed in a record beside its known secrets."""
    looks = Counter(found.decode() for found in SEAL.findall(entry.value))
    return list((looks - Counter(secret.key_id for secret in own)).elements())
