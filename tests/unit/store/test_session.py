"""Presence: a lease kept alive, and its loss."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from libs.daemon import supervise
from libs.store import Session
from libs.store.drivers.memory import MemoryStore
from tests.support.waiting import eventually

TTL = 15.0
KEY = "/deis/nodes/n1"


@pytest.fixture
def line(store: MemoryStore) -> MemoryStore:
    """The session's own line to the store."""
    return store.fork()


def session_over(line: MemoryStore) -> Session:
    return Session(line, ttl=TTL, clock=asyncio.get_running_loop().time)


@pytest.fixture
async def session(line: MemoryStore) -> AsyncIterator[Session]:
    session = session_over(line)
    async with supervise(session=session.run()):
        await eventually(lambda: session.held)
        yield session


async def value(store: MemoryStore, key: str = KEY) -> bytes | None:
    entry = await store.get(key)
    return entry.value if entry else None


async def test_a_published_key_stays_while_the_session_runs(store: MemoryStore, session: Session) -> None:
    await session.publish(KEY, b"1")
    assert await value(store) == b"1"
    await asyncio.sleep(100 * TTL)
    assert await value(store) == b"1"
    assert session.held


async def test_a_key_published_before_the_session_runs_is_written_once_it_does(
    store: MemoryStore, line: MemoryStore
) -> None:
    session = session_over(line)
    await session.publish(KEY, b"1")
    assert await value(store) is None
    async with supervise(session=session.run()):
        await eventually(lambda: value(store))


async def test_an_unchanged_value_is_not_written_again(store: MemoryStore, session: Session) -> None:
    await session.publish(KEY, b"1")
    before = await store.identity()
    await session.publish(KEY, b"1")
    assert await store.identity() == before


async def test_a_clean_end_withdraws_the_keys_at_once(store: MemoryStore, line: MemoryStore) -> None:
    session = session_over(line)
    await session.publish(KEY, b"1")
    async with supervise(session=session.run()):
        await eventually(lambda: value(store))
    assert await value(store) is None
    assert not session.held


async def test_a_lost_lease_is_told_and_a_new_one_carries_the_keys(store: MemoryStore, session: Session) -> None:
    told: list[bool] = []
    session.on_change(told.append)
    await session.publish(KEY, b"1")
    store.expire()
    assert await value(store) is None
    await eventually(lambda: told)
    await eventually(lambda: value(store))
    assert session.held
    assert told == [False, True]
    await asyncio.sleep(10 * TTL)
    assert await value(store) == b"1"


async def test_publishing_on_a_lost_lease_finds_the_loss_at_once(store: MemoryStore, session: Session) -> None:
    store.expire()
    await session.publish(KEY, b"1")
    await eventually(lambda: value(store), within=TTL / 3)


async def test_what_is_published_while_the_store_is_away_is_written_when_it_is_back(
    store: MemoryStore, line: MemoryStore, session: Session
) -> None:
    line.unavailable = True
    await session.publish(KEY, b"1")
    await session.publish(KEY, b"2")
    await session.withdraw("/deis/never/there")
    assert await value(store) is None
    line.unavailable = False
    await eventually(lambda: value(store))
    assert await value(store) == b"2"


async def test_what_is_withdrawn_while_the_store_is_away_goes_when_it_is_back(
    store: MemoryStore, line: MemoryStore, session: Session
) -> None:
    await session.publish(KEY, b"1")
    line.unavailable = True
    await session.withdraw(KEY)
    assert await value(store) == b"1"
    line.unavailable = False
    await eventually(lambda: not_there(store))


async def not_there(store: MemoryStore) -> bool:
    return await value(store) is None


async def test_a_session_that_cannot_renew_is_not_held_when_its_time_is_over(
    store: MemoryStore, line: MemoryStore, session: Session
) -> None:
    told: list[bool] = []
    session.on_change(told.append)
    await session.publish(KEY, b"1")
    line.unavailable = True
    await eventually(lambda: not session.held, within=2 * TTL)
    assert await value(store) is not None or not session.held
    await eventually(lambda: told == [False])
    await asyncio.sleep(TTL)
    assert await value(store) is None
    line.unavailable = False
    await eventually(lambda: value(store))
    assert told == [False, True]


async def test_a_short_absence_of_the_store_loses_nothing(
    store: MemoryStore, line: MemoryStore, session: Session
) -> None:
    told: list[bool] = []
    session.on_change(told.append)
    await session.publish(KEY, b"1")
    entry = await store.get(KEY)
    for _ in range(10):
        line.unavailable = True
        await asyncio.sleep(TTL / 2)
        line.unavailable = False
        await asyncio.sleep(TTL / 2)
    assert await store.get(KEY) == entry
    assert told == []


async def test_the_last_value_wins_however_slow_the_store(
    store: MemoryStore, line: MemoryStore, session: Session
) -> None:
    line.delay = 0.5
    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(session.publish(KEY, b"%d" % number))
    assert await value(store) == b"19"


async def test_a_write_whose_answer_was_lost_is_made_good(
    store: MemoryStore, line: MemoryStore, session: Session
) -> None:
    line.lose_answers = True
    await session.publish(KEY, b"1")
    await session.publish(KEY, b"2")
    line.lose_answers = False
    await session.withdraw(KEY)
    await asyncio.sleep(TTL)
    assert await value(store) is None
