"""A controller's part: it follows which key seals, makes the first one of a platform, and says when one lacks."""

from __future__ import annotations

import asyncio

import structlog

from libs.keyspace import Keyspace
from libs.keyspace.records import PlatformSetting
from libs.store import Store
from libs.store.mirror import Mirror
from libs.vault.designation import SEALS, Designations, key_id_of
from libs.vault.inventory import Inventory, take_inventory
from libs.vault.keyfile import Keys, new_key
from libs.vault.live import LiveVault, remedy

UNKNOWN = "The controller has not read yet which key the platform's secrets are sealed with; try again soon."

log = structlog.get_logger("vault")


class Custody:
    """Holds the vault locked until the key that the platform seals with is here; `lacking` are the words till then.

    `settings` mirrors `platform/`: a rotation is followed at once. `look` does what takes the store, and sees a key
    file that was brought. Nothing makes a key but the first look at a platform that has none, and seals nothing.
    """

    def __init__(self, store: Store, keyspace: Keyspace, vault: LiveVault, settings: Mirror[PlatformSetting]) -> None:
        self._store, self._keyspace, self._vault = store, keyspace, vault
        self._designations = Designations(store, keyspace)
        self._settings = settings
        self._refused: tuple[str, ...] | None = None  # the keys that are here, none of which is the platform's
        self._held, self._lost = asyncio.Event(), asyncio.Event()
        self._lost.set()
        vault.locked = UNKNOWN
        settings.on_change(lambda _: self._follow())

    @property
    def lacking(self) -> str:
        """Why nothing can be sealed here, and what to run; empty when all is well."""
        return self._vault.locked

    @property
    def trouble(self) -> str:
        """The same, and what is wrong with the key file though its keys are still known."""
        return self.lacking or self._vault.trouble

    async def held(self) -> None:
        """Return once the key that seals is here."""
        await self._held.wait()

    async def lost(self) -> None:
        """Return once it is not."""
        await self._lost.wait()

    async def look(self) -> None:
        """Look again. Raises the store's errors."""
        self._vault.refresh()
        unnamed = self._settings.complete and self._named() is None and self._vault.designated is None
        if unnamed and self._refused != self._vault.key_ids:
            await self._found()
        self._follow()

    def _named(self) -> str | None:
        return key_id_of(self._settings.get(SEALS))

    def _follow(self) -> None:
        """Seal with the key that the store names, if it is here."""
        key_id = self._named() or self._vault.designated
        if key_id is None:
            return
        self._vault.designated = key_id
        if self._vault.holds(key_id):
            self._tell("")
        else:
            path = self._vault.file.path
            self._tell(f"The platform seals with key {key_id!r}, which is not on this host; {remedy(path)}")

    async def _found(self) -> None:
        """Designate the first key: the file's, or a new one where there is none and nothing is sealed yet."""
        inventory = await take_inventory(self._store, self._keyspace, self._vault)
        keys = self._vault.file.read()
        if inventory.by_key and not keys.keys() & inventory.by_key.keys():
            self._refused = self._vault.key_ids
            self._tell(lost_words(inventory, self._vault))
            return
        made: Keys = {} if keys else new_key()
        if made:
            keys = self._vault.file.change(lambda there: there or made)
        key_id = next(iter(keys))
        if await self._designations.found(key_id):
            self._vault.refresh(now=True)
            self._vault.designated = key_id
            log.info("the platform's secrets are sealed with", key=key_id, made=key_id in made)
        elif key_id in made:  # another host's controller was first, and nothing was sealed with ours
            self._vault.file.change(lambda there: {known: key for known, key in there.items() if known != key_id})

    def _tell(self, lacking: str) -> None:
        if lacking and lacking != self._vault.locked:
            log.error("lacks the key of the platform's secrets", reason=lacking)
        if self._vault.locked and not lacking:
            log.info("has the key of the platform's secrets", key=self._vault.designated)
        self._vault.locked = lacking
        for event, holds in ((self._held, not lacking), (self._lost, bool(lacking))):
            if holds:
                event.set()
            else:
                event.clear()


def lost_words(inventory: Inventory, vault: LiveVault) -> str:
    """What to say where secrets are sealed and none of their keys is here."""
    needed = ", ".join(sorted(inventory.by_key))
    return f"{len(inventory.secrets)} secrets are sealed with keys that are not on this host ({needed}); " + remedy(
        vault.file.path
    )
