"""The secret by which the API knows the builder: made once a platform, and sealed at rest."""

from __future__ import annotations

import hmac
import secrets
from contextlib import suppress

import structlog
from pydantic import SecretStr

from libs.keyspace import Keyspace, Sealed
from libs.keyspace.records import PlatformSetting
from libs.store import StaleRevision, Store
from libs.store.mirror import Mirror
from libs.store.shelf import Shelf
from libs.vault import SealBroken, Vault

NAME = "builder_key"  # under `platform/`
PLACE = f"platform:{NAME}"
KEY_BYTES = 32

log = structlog.get_logger("builder_key")


class BuilderKey:
    """The key of `platform/builder_key`, or the one that is `given`; `settings` mirrors `platform/`.

    Whoever needs it first makes it, by compare-and-swap: so all controllers have the same one.
    """

    def __init__(
        self, given: SecretStr, store: Store, keyspace: Keyspace, vault: Vault, settings: Mirror[PlatformSetting]
    ) -> None:
        self._given = given.get_secret_value()
        self._shelf = Shelf(store, keyspace.platform)
        self._vault = vault
        self._settings = settings

    async def matches(self, shown: str) -> bool:
        """Whether it is what somebody shows, in a time that does not tell how much of it. Raises as `value`."""
        key = await self.value()
        return hmac.compare_digest(shown.encode("utf-8", "surrogateescape"), key.encode())

    async def value(self) -> str:
        """The key; raises the store's errors, and `SealBroken`."""
        if self._given:
            return self._given
        setting = self._settings.get(NAME) or await self._stored()
        if not isinstance(setting.value, str):
            raise SealBroken(f"platform/{NAME} is no sealed text; delete it, and a new key is made")
        return self._vault.unseal_text(PLACE, Sealed(setting.value))

    async def ensure(self) -> None:
        """Make it if there is none: a builder may be started before anything is pushed. Raises the store's errors."""
        with suppress(SealBroken):  # who needs it is told, and custody says what is wrong
            await self.value()

    async def _stored(self) -> PlatformSetting:
        """As the store itself has it, or made now."""
        made = PlatformSetting(value=self._vault.seal_text(PLACE, secrets.token_hex(KEY_BYTES)))
        try:
            await self._shelf.create(made, NAME)
        except StaleRevision:
            stored = await self._shelf.get(NAME)
            return stored.document if stored is not None else await self._stored()
        log.info("made the key between builder and controller")
        return made
