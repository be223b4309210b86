"""Config values at rest: sealed with a key of this platform, which never enters the store."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from libs.daemon import files

NONCE = 12  # bytes (NIST SP 800-38D §5.2.1.1), random for each sealing
KEY = 32  # bytes


class SealBroken(Exception):
    """A sealed value cannot be opened: its key is not here, or it was tampered with, or it is another app's."""


class Vault:
    """Seals values for one app: AES-256-GCM with the app's uuid as associated data, so no value opens for another app.

    A sealed value is `<key id>:<base64 of nonce and ciphertext>`. The first key seals; further ones still open.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise SealBroken(
                "the vault has no key; its file must hold at least one line `<key id> <base64 of 32 bytes>`"
            )
        self._keys = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._sealing = next(iter(keys))

    def seal(self, app_uuid: str, values: Mapping[str, str]) -> str:
        """The sealed form of an app's values."""
        nonce = os.urandom(NONCE)
        text = json.dumps(dict(values), ensure_ascii=False, separators=(",", ":")).encode()
        sealed = nonce + self._keys[self._sealing].encrypt(nonce, text, app_uuid.encode())
        return f"{self._sealing}:{base64.b64encode(sealed).decode()}"

    def unseal(self, app_uuid: str, sealed: str) -> dict[str, str]:
        """The values of an app; raises `SealBroken`."""
        key_id, _, text = sealed.partition(":")
        key = self._keys.get(key_id)
        if key is None:
            raise SealBroken(
                f"the config of app {app_uuid} is sealed with key {key_id!r}, which is not in the key file"
            )
        try:
            raw = base64.b64decode(text, validate=True)
            values: dict[str, str] = json.loads(key.decrypt(raw[:NONCE], raw[NONCE:], app_uuid.encode()))
        except (InvalidTag, ValueError) as error:
            raise SealBroken(f"the config of app {app_uuid} does not open with key {key_id!r}") from error
        return values


def open_vault(path: Path) -> Vault:
    """The vault of a key file: lines `<key id> <base64 of 32 bytes>`, the first of which seals. Made at first start.

    Several controllers of one platform share the file's content. To rotate, put a new line above the others.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.create(path, f"{secrets.token_hex(4)} {base64.b64encode(os.urandom(KEY)).decode()}\n")
    return Vault(read_keys(path.read_text()))


def read_keys(text: str) -> dict[str, bytes]:
    """The keys of a key file, in its order; raises `SealBroken` for a line that is none."""
    keys = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        key_id, _, encoded = line.strip().partition(" ")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if len(key) != KEY or ":" in key_id:
            raise SealBroken(f"line {number} of the key file is not `<key id> <base64 of {KEY} bytes>`")
        keys[key_id] = key
    return keys
