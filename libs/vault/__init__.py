"""Secrets at rest: sealed with a key of this platform, which never enters the store.

Controllers seal and open with it; whoever else needs a sealed value (a router its certificates' keys, a logger what
its drains log in with) has the key file as well, and only opens. The store says by id which key seals
(`designation`); the first controller makes it (`custody`). Operators have `deis-daemon vault` (`commands`). What is
sealed at all stands in one list (`fields`).
"""

from libs.vault.keyfile import read_keys
from libs.vault.live import LiveVault, open_vault
from libs.vault.vault import KeyMissing, SealBroken, Vault

__all__ = ["KeyMissing", "LiveVault", "SealBroken", "Vault", "open_vault", "read_keys"]
