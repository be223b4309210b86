"""Which key seals, by the store's word."""

from __future__ import annotations

import pytest

from libs.keyspace import Keyspace
from libs.store import StaleRevision
from libs.store.drivers.memory import MemoryStore
from libs.vault.designation import Designations


@pytest.mark.parametrize("prepared", [None, "two"])
async def test_a_key_is_designated_by_compare_and_swap(prepared: str | None) -> None:
    designations = Designations(MemoryStore(), Keyspace())
    assert await designations.found("one")
    assert await designations.found("one"), "our own put, answered twice"
    assert not await designations.found("other")
    if prepared:
        await designations.prepare(prepared)
        with pytest.raises(StaleRevision):
            await designations.prepare("three")
    before = await designations.read()
    assert (before.seals, before.prepared) == ("one", prepared)
    await designations.seal_with("two", before)
    after = await designations.read()
    assert (after.seals, after.prepared) == ("two", None)
    with pytest.raises(StaleRevision):
        await designations.seal_with("three", before)
    await designations.prepare("four")
    await designations.give_up("another")
    assert (await designations.read()).prepared == "four"
    await designations.give_up("four")
    assert (await designations.read()).prepared is None
