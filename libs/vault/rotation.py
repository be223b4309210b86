"""Sealing every secret anew, while controllers go on writing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from libs.keyspace import Keyspace
from libs.store import StaleRevision, Store
from libs.vault.inventory import Inventory, Secret, take_inventory
from libs.vault.vault import Vault

AT_ONCE = 16  # writes
SETTLES = 1.0  # seconds within which every controller has seen which key seals, and ended what it was writing

Told = Callable[[int, int], None]
"""Is told how many of how many are done in this pass."""


async def seal_anew(store: Store, keyspace: Keyspace, vault: Vault, told: Told) -> Inventory:
    """Seal all that opens with the vault's sealing key, again until two looks in a row find nothing older.

    Returns the last look. Each write is a compare-and-swap of one record, so it may end anywhere and be begun again; a
    record that was changed meanwhile is looked at again. Raises the store's errors.
    """
    settled = False
    while True:
        inventory = await take_inventory(store, keyspace, vault)
        older = inventory.older(vault.sealing)
        if older:
            await _pass(store, vault, older, told)
        elif settled:
            return inventory
        else:
            await asyncio.sleep(SETTLES)
        settled = not older


async def _pass(store: Store, vault: Vault, older: list[Secret], told: Told) -> None:
    done = 0
    for first in range(0, len(older), AT_ONCE):
        batch = older[first : first + AT_ONCE]
        async with asyncio.TaskGroup() as group:
            for secret in batch:
                group.create_task(_seal_one(store, vault, secret), name=f"seal {secret.entry_key}")
        done += len(batch)
        told(done, len(older))


async def _seal_one(store: Store, vault: Vault, secret: Secret) -> None:
    text = vault.unseal_text(secret.place, secret.sealed)
    document = secret.field.written(secret.stored.document, vault.seal_text(secret.place, text))
    try:
        await store.put(secret.entry_key, document.encode(), expect=secret.stored.revision)
    except StaleRevision:
        return  # changed or deleted meanwhile, or written by us and answered twice: the next pass sees it
