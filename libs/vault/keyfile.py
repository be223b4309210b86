"""The key file: lines `<key id> <base64 of 32 bytes>`, the first of which seals. It is made at first start."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from libs.daemon import files
from libs.vault.vault import SealBroken, Vault

KEY = 32  # bytes: AES-256


def open_vault(path: Path) -> Vault:
    """The vault of a key file, which is made where there is none, readable by its owner only.

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
