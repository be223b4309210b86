"""One leader at a time, whatever befalls it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.daemon import supervise
from libs.keyspace import Keyspace
from libs.keyspace.records import Leader
from libs.store import Election
from libs.store.drivers.memory import MemoryStore
from tests.support.virtual_time import VirtualLoop
from tests.support.waiting import eventually

TTL = 15.0
KEYSPACE = Keyspace()


def candidate(line: MemoryStore, name: str) -> Election:
    me = Leader(id=name, node="n1", since=datetime(2020, 1, 1, tzinfo=UTC))
    clock = asyncio.get_running_loop().time
    return Election(line, KEYSPACE.leaders, "deployer", me=me, ttl=TTL, clock=clock)


@pytest.fixture
def lines(store: MemoryStore) -> tuple[MemoryStore, MemoryStore]:
    """Each candidate's own line to the store."""
    return store.fork(), store.fork()


@pytest.fixture
async def two(lines: tuple[MemoryStore, MemoryStore]) -> AsyncIterator[tuple[Election, Election]]:
    """The leader, and one that waits."""
    first, second = candidate(lines[0], "first"), candidate(lines[1], "second")
    async with supervise(first=first.run()):
        await eventually(lambda: first.leading)
        async with supervise(second=second.run()):
            yield first, second


async def test_who_came_first_leads_and_the_other_waits(store: MemoryStore, two: tuple[Election, Election]) -> None:
    first, second = two
    await asyncio.sleep(100 * TTL)
    assert first.leading
    assert not second.leading
    assert second.epoch is None
    entry = await store.get(KEYSPACE.leaders.key("deployer"))
    assert entry is not None
    assert first.epoch == entry.created == entry.revision
    assert Leader.decode(entry.value).id == "first"


async def test_a_clean_end_hands_over_at_once_with_a_higher_epoch(store: MemoryStore) -> None:
    first, second = candidate(store.fork(), "first"), candidate(store.fork(), "second")
    told: list[bool] = []
    first.on_change(told.append)
    async with AsyncExitStack() as stack:
        async with supervise(first=first.run()):
            await eventually(lambda: first.leading)
            epoch = first.epoch
            assert epoch is not None
            await stack.enter_async_context(supervise(second=second.run()))
            await asyncio.sleep(1)
            assert not second.leading
        assert told == [True, False]
        await eventually(lambda: second.leading, within=0.1)
        assert second.epoch is not None
        assert second.epoch > epoch


async def test_a_leader_that_is_cut_off_stops_before_the_other_begins(
    lines: tuple[MemoryStore, MemoryStore], two: tuple[Election, Election]
) -> None:
    first, second = two
    order: list[str] = []
    first.on_change(lambda leading: order.append(f"first {leading}"))
    second.on_change(lambda leading: order.append(f"second {leading}"))
    lines[0].unavailable = True
    await eventually(lambda: second.leading, within=3 * TTL)
    assert order == ["first False", "second True"]
    assert first.epoch is None
    lines[0].unavailable = False
    await asyncio.sleep(10 * TTL)
    assert second.leading
    assert not first.leading


async def test_a_leader_whose_key_was_deleted_stops(store: MemoryStore, two: tuple[Election, Election]) -> None:
    first, second = two
    await store.delete(KEYSPACE.leaders.key("deployer"))
    await eventually(lambda: second.leading and not first.leading, within=0.5)


async def test_a_leader_whose_lease_was_ended_stops(store: MemoryStore, two: tuple[Election, Election]) -> None:
    first, second = two
    store.expire()
    await eventually(lambda: second.leading and not first.leading, within=0.5)


async def test_a_store_that_is_away_for_a_moment_changes_no_leader(
    lines: tuple[MemoryStore, MemoryStore], two: tuple[Election, Election]
) -> None:
    first, second = two
    epoch = first.epoch
    for _ in range(10):
        for line in lines:
            line.unavailable = True
        await asyncio.sleep(TTL / 2)
        for line in lines:
            line.unavailable = False
        await asyncio.sleep(TTL / 2)
    assert first.epoch == epoch
    assert not second.leading


async def test_a_leader_takes_its_own_old_key_away_when_the_store_is_back(store: MemoryStore) -> None:
    """Leases live longer than their time when the store itself was away: it starts them anew."""
    line = store.fork()
    only = candidate(line, "only")
    async with supervise(only=only.run()):
        await eventually(lambda: only.leading)
        epoch = only.epoch
        assert epoch is not None
        entry = await store.get(KEYSPACE.leaders.key("deployer"))
        assert entry is not None
        line.unavailable = True
        await store.put(entry.key, entry.value)  # it has no lease now, as if that lived on
        await eventually(lambda: not only.leading, within=2 * TTL)
        line.unavailable = False
        await eventually(lambda: only.leading, within=5)
        assert only.epoch is not None
        assert only.epoch > epoch


FAULTS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["cut", "mend", "slow", "quick", "deaf", "hear", "drop", "compact"]),
        st.floats(0.0, TTL),
    ),
    max_size=25,
)


@given(FAULTS)
@settings(max_examples=60, deadline=None)
def test_there_are_never_two_leaders_and_epochs_only_grow(faults: list[tuple[int, str, float]]) -> None:
    loop = VirtualLoop()
    try:
        loop.run_until_complete(lead_through(faults))
    finally:
        loop.close()


async def lead_through(faults: list[tuple[int, str, float]]) -> None:
    """Three candidates, each behind a line that fails."""
    store = MemoryStore()
    lines = [store.fork() for _ in range(3)]
    candidates = [candidate(line, str(number)) for number, line in enumerate(lines)]
    epochs: list[int] = []

    def look(leading: bool) -> None:
        leaders = [one for one in candidates if one.leading]
        assert len(leaders) <= 1
        if leading and leaders:
            assert leaders[0].epoch is not None
            epochs.append(leaders[0].epoch)

    for one in candidates:
        one.on_change(look)
    async with supervise(zero=candidates[0].run(), one=candidates[1].run(), two=candidates[2].run()):
        for number, fault, seconds in faults:
            line = lines[number]
            match fault:
                case "cut" | "mend":
                    line.unavailable = fault == "cut"
                case "slow" | "quick":
                    line.delay = TTL / 4 if fault == "slow" else 0.0
                case "deaf" | "hear":
                    line.lose_answers = fault == "deaf"
                case "drop":
                    line.drop_watches()
                case "compact":
                    store.compact()
            await asyncio.sleep(seconds)
            look(leading=False)
        for line in lines:
            line.unavailable, line.delay, line.lose_answers = False, 0.0, False
        await eventually(lambda: any(one.leading for one in candidates), within=3 * TTL)
    assert epochs == sorted(set(epochs))
