"""When tokens were last used: written later, and at most once an hour."""

from __future__ import annotations

from datetime import timedelta

import pytest

from libs.keyspace.document import now
from libs.store import StoreUnavailable
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from services.controller.tokens import hash_of
from tests.support.api import Api, Client
from tests.support.tokens import again, listed, put_back, works


@pytest.fixture
async def member(admin: Client) -> Client:
    return await admin.joined("member")


async def test_a_use_is_told_once_it_was_written(api: Api, member: Client) -> None:
    before = now()
    assert await works(member)
    assert (await listed(member))[0]["last_used"] is None
    await api.controller.accounts.tokens.write_uses()
    stored = await Shelf(api.store, api.controller.keyspace.tokens).get(hash_of(member.token))
    assert stored is not None
    assert stored.document.used is not None
    assert stored.document.used >= before
    await api.controller.picture.tokens.reach(stored.revision)
    assert (await listed(member))[0]["last_used"] is not None


async def test_a_use_is_written_at_most_once_an_hour(api: Api, member: Client) -> None:
    tokens, shelf = api.controller.accounts.tokens, Shelf(api.store, api.controller.keyspace.tokens)

    async def revision() -> int:
        assert await works(member)
        await tokens.write_uses()
        stored = await shelf.get(hash_of(member.token))
        assert stored is not None
        await api.controller.picture.tokens.reach(stored.revision)
        return stored.revision

    first = await revision()
    assert await revision() == first
    await put_back(api, member.token, used=now() - timedelta(minutes=59))
    assert await revision() == first + 1
    await put_back(api, member.token, used=now() - timedelta(minutes=61))
    assert await revision() == first + 3


async def test_a_use_that_could_not_be_written_is_written_later(api: Api, member: Client, store: MemoryStore) -> None:
    assert await works(member)
    store._line.unavailable = True
    with pytest.raises(StoreUnavailable):
        await api.controller.accounts.tokens.write_uses()
    store._line.unavailable = False
    await api.controller.accounts.tokens.write_uses()
    stored = await Shelf(api.store, api.controller.keyspace.tokens).get(hash_of(member.token))
    assert stored is not None
    assert stored.document.used is not None


async def test_writing_uses_brings_no_ended_token_back(api: Api, member: Client) -> None:
    other = await again(member)
    assert await works(other)
    await other("DELETE", "/v1/auth/tokens/current")
    await api.controller.accounts.tokens.write_uses()
    assert await Shelf(api.store, api.controller.keyspace.tokens).get(hash_of(other.token)) is None
    assert not await works(other)
