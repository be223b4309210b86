from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from libs.daemon import supervise
from libs.keyspace import Keyspace
from libs.keyspace.records import Token
from libs.store.drivers.memory import MemoryStore
from libs.store.errors import StaleRevision, StoreUnavailable
from libs.store.mirror import Mirror
from libs.store.owned import Owned
from tests.support.waiting import eventually

TOKENS = Keyspace().tokens
CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def token(username: str) -> Token:
    return Token(username=username, created=CREATED)


@dataclass
class Writer:
    store: MemoryStore
    mirror: Mirror[Token]
    owned: Owned[Token]
    news: list[str] = field(default_factory=list)

    async def write(self, name: str, document: Token | None) -> int:
        if document is None:
            return await self.owned.apply([], [(name,)])
        return await self.owned.apply([((name,), document)])


@asynccontextmanager
async def writer(store: MemoryStore) -> AsyncIterator[Writer]:
    mirror = Mirror(store, TOKENS)
    one = Writer(store, mirror, Owned(store, TOKENS, mirror))
    async with supervise(mirror=mirror.run()):
        await eventually(lambda: mirror.current)
        one.owned.on_news(lambda: one.news.append("news"))
        yield one


async def test_a_write_is_seen_before_the_mirror_has_it() -> None:
    async with writer(MemoryStore()) as one:
        one.store.drop_watches()
        assert await one.write("a", token("ann")) == 1
        assert one.owned.get("a") == token("ann")
        assert one.owned.all() == {("a",): token("ann")}
        assert await one.write("a", None) == 1
        assert one.owned.get("a") is None
        assert one.owned.all() == {}
        assert await one.write("a", token("bob")) == 1
        await eventually(lambda: one.mirror.get("a") == token("bob"))
        assert one.owned.get("a") == token("bob")


async def test_a_write_that_changes_nothing_is_not_made() -> None:
    async with writer(MemoryStore()) as one:
        await one.write("a", token("ann"))
        before = (await one.store.identity()).revision
        assert await one.write("a", token("ann")) == 0
        assert await one.write("b", None) == 0
        assert (await one.store.identity()).revision == before


async def test_our_own_writes_are_no_news_and_anothers_are() -> None:
    async with writer(MemoryStore()) as one:
        await one.write("a", token("ann"))
        await eventually(lambda: one.mirror.get("a"))
        await one.write("a", None)
        await eventually(lambda: one.mirror.get("a") is None)
        assert one.news == []
        await one.store.put(TOKENS.key("a"), token("eve").encode())
        await eventually(lambda: one.owned.get("a") == token("eve"))
        assert one.news == ["news"]


async def test_a_write_over_one_that_was_not_seen_yet_is_refused() -> None:
    async with writer(MemoryStore()) as one:
        await one.write("a", token("ann"))
        await eventually(lambda: one.mirror.get("a"))
        one.store.drop_watches()
        await one.store.fork().put(TOKENS.key("a"), token("eve").encode())
        with pytest.raises(StaleRevision):
            await one.write("a", token("bob"))
        await eventually(lambda: one.owned.get("a") == token("eve"))
        await one.write("a", token("bob"))
        assert one.owned.get("a") == token("bob")


async def test_a_write_whose_answer_was_lost_is_made_good() -> None:
    async with writer(MemoryStore()) as one:
        one.store.lose_answers = True
        with pytest.raises(StoreUnavailable):
            await one.write("a", token("ann"))
        one.store.lose_answers = False
        await eventually(lambda: one.owned.get("a") == token("ann"))
        assert await one.write("a", token("ann")) == 0


async def test_one_that_fails_does_not_keep_the_others_from_being_written() -> None:
    async with writer(MemoryStore()) as one:
        one.store.drop_watches()
        await one.store.fork().put(TOKENS.key("a"), token("eve").encode())
        with pytest.raises(StaleRevision):
            await one.owned.apply([(("a",), token("ann")), (("b",), token("bob"))])
        assert one.owned.get("b") == token("bob")


async def test_a_value_that_is_no_record_is_replaced() -> None:
    store = MemoryStore()
    await store.put(TOKENS.key("a"), b"{")
    async with writer(store) as one:
        await one.write("a", token("ann"))
        await eventually(lambda: one.mirror.get("a") == token("ann"))
        await store.put(TOKENS.key("a"), b"[")
        await eventually(lambda: one.mirror.bad)
        await one.write("a", token("ann"))
        await eventually(lambda: not one.mirror.bad)


async def test_a_store_that_was_restored_is_written_again() -> None:
    async with writer(MemoryStore()) as one:
        await one.write("a", token("ann"))
        await eventually(lambda: one.mirror.get("a"))
        before = one.store.snapshot()
        await one.write("a", token("bob"))
        await one.write("b", token("eve"))
        one.store.restore(before)
        await eventually(lambda: one.owned.all() == {("a",): token("ann")})
        await one.write("a", token("bob"))
        await eventually(lambda: one.mirror.get("a") == token("bob"))


async def test_after_any_writes_the_store_the_mirror_and_the_owner_agree() -> None:
    async with writer(MemoryStore()) as one:
        for number in range(60):
            name = f"t{number % 7}"
            if number % 10 == 3:
                one.store.drop_watches()
            if number % 25 == 24:
                one.store.compact()
            document = None if number % 3 == 2 else token(f"user{number}")
            while True:
                try:
                    await one.write(name, document)
                except StaleRevision:
                    await asyncio.sleep(0)
                else:
                    break
            assert one.owned.get(name) == document
        listing = await one.store.list(TOKENS.under())
        held = {entry.key: entry.value for entry in listing.entries}
        await eventually(lambda: {TOKENS.key(*parts): doc.encode() for parts, doc in one.mirror.items()} == held)
        assert {TOKENS.key(*parts): document.encode() for parts, document in one.owned.all().items()} == held
