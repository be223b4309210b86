"""Sealing a text for one place, and opening it there again."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from libs.keyspace import Sealed

NONCE = 12  # bytes (NIST SP 800-38D §5.2.1.1), random for each sealing


class SealBroken(Exception):
    """A sealed value cannot be opened: its key is not here, or it was tampered with, or it is another app's."""


class KeyMissing(SealBroken):
    """A key that is needed is not on this host; the message says which, and how to bring it. Nothing is broken."""


def key_of(sealed: str) -> str:
    """The id of the key that a sealed text takes."""
    return sealed.partition(":")[0]


class Vault:
    """Seals texts: AES-256-GCM, with the place that a text is for as associated data, so it opens for no other place.

    A sealed text is `<key id>:<base64 of nonce and ciphertext>`. The first key seals; further ones still open. A place
    is an app's uuid for its config values, and `cert:<common name>`, `platform:<setting>` for what else is secret.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise SealBroken(
                "the vault has no key; its file must hold at least one line `<key id> <base64 of 32 bytes>`"
            )
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._sealing = next(iter(keys))

    @property
    def sealing(self) -> str:
        """The id of the key that seals; raises `KeyMissing`."""
        return self._sealing

    def cipher(self, key_id: str) -> AESGCM:
        """The key; raises `KeyMissing`."""
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise KeyMissing(f"it takes key {key_id!r}, which is not in the key file")
        return cipher

    def seal_text(self, place: str, text: str) -> Sealed:
        """The sealed form of a text; raises `KeyMissing`."""
        nonce, key_id = os.urandom(NONCE), self.sealing
        sealed = nonce + self.cipher(key_id).encrypt(nonce, text.encode(), place.encode())
        return Sealed(f"{key_id}:{base64.b64encode(sealed).decode()}")

    def unseal_text(self, place: str, sealed: Sealed) -> str:
        """The text that was sealed for this place; raises `SealBroken`, and `KeyMissing` where only the key lacks."""
        key_id, colon, encoded = sealed.partition(":")
        if not colon:
            raise SealBroken(f"what is sealed for {place} is not of the form `<key id>:<base64>`")
        cipher = self.cipher(key_id)
        try:
            raw = base64.b64decode(encoded, validate=True)
            return cipher.decrypt(raw[:NONCE], raw[NONCE:], place.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise SealBroken(f"what is sealed for {place} does not open with key {key_id!r}") from error

    def seal(self, app_uuid: str, values: Mapping[str, str]) -> Sealed:
        """The sealed form of an app's config values."""
        return self.seal_text(app_uuid, json.dumps(dict(values), ensure_ascii=False, separators=(",", ":")))

    def unseal(self, app_uuid: str, sealed: Sealed) -> dict[str, str]:
        """The config values of an app; raises as `unseal_text`."""
        values: dict[str, str] = json.loads(self.unseal_text(app_uuid, sealed))
        return values
