"""Which key seals, by the store's word: `platform/vault_key`, and `platform/vault_next` for one that is prepared."""

from __future__ import annotations

from dataclasses import dataclass

from libs.keyspace import Keyspace
from libs.keyspace.records import PlatformSetting
from libs.store import ABSENT, StaleRevision, Store
from libs.store.shelf import Shelf
from libs.store.store import Expected

SEALS = "vault_key"  # names under `platform/`
NEXT = "vault_next"


def key_id_of(setting: PlatformSetting | None) -> str | None:
    """The key that a setting names, None where it names none."""
    return setting.value if setting is not None and isinstance(setting.value, str) and setting.value else None


@dataclass(frozen=True)
class Designation:
    """The ids as they were read. `prepared` is to seal next, and is on every host by then."""

    seals: str | None
    prepared: str | None
    revision: int  # of the first one's record


class Designations:
    """Reads and changes it. A key is designated only while it is in the file of the host that does so."""

    def __init__(self, store: Store, keyspace: Keyspace) -> None:
        self._shelf = Shelf(store, keyspace.platform)

    async def read(self) -> Designation:
        """As the store has it now."""
        seals, prepared = await self._shelf.get(SEALS), await self._shelf.get(NEXT)
        first = key_id_of(seals.document if seals else None)
        second = key_id_of(prepared.document if prepared else None)
        return Designation(first, second if second != first else None, seals.revision if seals else 0)

    async def found(self, key_id: str) -> bool:
        """Designate a platform's first key; False where another was first."""
        try:
            await self._shelf.create(PlatformSetting(value=key_id), SEALS)
        except StaleRevision:
            return key_id_of(PlatformSetting(value=(await self.read()).seals)) == key_id
        return True

    async def prepare(self, key_id: str) -> None:
        """Say that this key seals next; raises `StaleRevision` where another does already."""
        await self._shelf.put(PlatformSetting(value=key_id), NEXT, expect=await self._spare())

    async def seal_with(self, key_id: str, before: Designation) -> None:
        """Have every controller seal with this key from now on; raises `StaleRevision` where it was changed since."""
        try:
            await self._shelf.put(PlatformSetting(value=key_id), SEALS, expect=before.revision or ABSENT)
        except StaleRevision:
            if (await self.read()).seals != key_id:  # else it was our own put, answered twice
                raise
        await self.give_up(key_id)

    async def give_up(self, key_id: str) -> None:
        """Prepare this key no more; what else is prepared stays so."""
        stored = await self._shelf.get(NEXT)
        if stored is not None and key_id_of(stored.document) == key_id:
            await self._shelf.delete(NEXT, expect=stored.revision)

    async def _spare(self) -> Expected:
        """What a preparation expects: no record, or one that names the key that seals already."""
        stored, now = await self._shelf.get(NEXT), await self.read()
        return ABSENT if stored is None or now.prepared else stored.revision
