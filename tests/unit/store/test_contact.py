"""A store that does not answer is told of once, and so is its return."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from libs.daemon import supervise
from libs.keyspace import Keyspace
from libs.store import Mirror, Session, StaleRevision, StoreUnavailable
from libs.store.contact import PATIENCE, Contact
from libs.store.drivers.memory import MemoryStore
from libs.store.guard import Guard
from libs.store.witness import Witness

AWAY, BACK = "the store does not answer; what is stays as it is", "the store answers again"


@pytest.fixture
async def contact() -> AsyncIterator[Contact]:
    contact = Contact()
    async with supervise(tell=contact.tell()):
        yield contact


def fail(contact: Contact, reason: str = "refused") -> None:
    with pytest.raises(StoreUnavailable), contact.asked():
        raise StoreUnavailable(reason)


async def test_a_long_silence_is_told_of_once_and_so_is_its_end(contact: Contact) -> None:
    with capture_logs() as logs:
        for _ in range(30):
            fail(contact)
            await asyncio.sleep(1)
        assert contact.lost == "has not answered for 30 s: refused"
        contact.answered()
        await asyncio.sleep(1)
    assert [line["event"] for line in logs] == [AWAY, BACK]
    assert contact.lost is None


async def test_a_short_silence_is_nothing_to_tell_of(contact: Contact) -> None:
    with capture_logs() as logs:
        for _ in range(5):
            fail(contact)
            await asyncio.sleep(PATIENCE / 2)
            assert contact.lost is None
            contact.answered()
            await asyncio.sleep(PATIENCE)
    assert logs == []


async def test_a_refusal_is_an_answer(contact: Contact) -> None:
    fail(contact)
    with pytest.raises(StaleRevision), contact.asked():
        raise StaleRevision("/deis/apps/a", 1)
    await asyncio.sleep(PATIENCE * 2)
    assert contact.lost is None


async def test_a_daemon_at_rest_notices_that_the_store_is_away(store: MemoryStore, keyspace: Keyspace) -> None:
    guard = Guard(store, Witness(), keyspace)
    mirror, session = Mirror(guard, keyspace.platform), Session(guard, ttl=15)
    with capture_logs() as logs:
        async with supervise(guard=guard.run(), mirror=mirror.run(), session=session.run()):
            await mirror.wait_complete()
            store.unavailable = True
            await asyncio.sleep(60)
            assert str(guard.lost).startswith("has not answered for")
            store.unavailable = False
            await asyncio.sleep(10)
    assert guard.lost is None
    assert [line["event"] for line in logs if line["log_level"] != "debug"] == [AWAY, BACK]
