"""What a logger says of itself in the mesh."""

from __future__ import annotations

from pathlib import Path

from libs.engine.drivers.memory import MemoryEngine
from libs.store.shelf import Shelf
from libs.vault.keyfile import KeyFile, new_key
from tests.integration.logger.world import KEYS, NODE, World
from tests.support.waiting import eventually


async def test_it_names_the_keys_of_secrets_that_it_has_as_they_come_and_go(tmp_path: Path) -> None:
    world, file = World(tmp_path, MemoryEngine()), KeyFile(tmp_path / "secrets" / "config.key")
    (tmp_path / "secrets").mkdir(exist_ok=True)
    first, second = new_key(), new_key()

    async def named(*keys: str) -> None:
        async def are() -> bool:
            stored = await Shelf(world.store, KEYS.mesh).get("logger", NODE)
            return stored is not None and stored.document.vault_keys == keys

        await eventually(are, what=f"{keys} announced")

    async with world.logger():
        await named()
        file.change(lambda _: first)
        await named(*first)
        file.change(lambda keys: {**keys, **second})
        await named(*first, *second)
        file.change(lambda _: second)
        await named(*second)
