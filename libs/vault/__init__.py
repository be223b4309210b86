"""Secrets at rest: sealed with a key of this platform, which never enters the store.

Controllers seal and open with it; whoever else needs a sealed value (a router its certificates' keys) has the key file
as well, and only opens.
"""

from libs.vault.keyfile import open_vault, read_keys
from libs.vault.vault import SealBroken, Vault

__all__ = ["SealBroken", "Vault", "open_vault", "read_keys"]
