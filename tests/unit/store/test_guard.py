"""A store that is not the one we knew is held at the door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from libs.daemon import supervise
from libs.keyspace import Keyspace
from libs.keyspace.records import PlatformSetting
from libs.store import Identity, LeaseLost, Mirror, Session, Shelf, StoreHeld
from libs.store.acceptance import accept_store
from libs.store.drivers.memory import MemoryStore
from libs.store.guard import Guard
from libs.store.witness import Witness
from tests.support.waiting import eventually

KEY = "/deis/platform/a"


@pytest.fixture
def witness() -> Witness:
    return Witness()


@pytest.fixture
async def guard(store: MemoryStore, witness: Witness, keyspace: Keyspace) -> AsyncIterator[Guard]:
    """A guard that has met the store, which holds one key."""
    guard = Guard(store, witness, keyspace)
    async with supervise(guard=guard.run()):
        await guard.put(KEY, b'{"value": 1}')
        yield guard


async def rewind(store: MemoryStore, guard: Guard) -> None:
    """The store goes back to before two writes that the guard has seen."""
    pages = store.snapshot()
    await guard.put(KEY, b'{"value": 2}')
    await guard.put(KEY, b'{"value": 3}')
    store.restore(pages)


async def test_the_first_store_met_is_the_known_one(guard: Guard, witness: Witness, store: MemoryStore) -> None:
    assert guard.held is None
    assert witness.known == await store.identity()


async def test_a_store_that_comes_forward_passes(guard: Guard, store: MemoryStore) -> None:
    for number in range(5):
        await store.put("/elsewhere", b"%d" % number)
        await guard.get(KEY)
    store.restore(store.snapshot())  # a restart, with nothing lost
    entry = await guard.get(KEY)
    assert entry is not None
    assert guard.held is None


async def test_a_rewound_store_is_refused_by_every_verb(guard: Guard, store: MemoryStore) -> None:
    lease = await guard.lease(60)
    await rewind(store, guard)
    with pytest.raises(StoreHeld, match="went back from"):
        await guard.get(KEY)
    for verb in (
        guard.get(KEY),
        guard.list("/"),
        guard.put(KEY, b""),
        guard.delete(KEY),
        guard.lease(5),
        guard.identity(),
        lease.renew(),
        lease.revoke(),
    ):
        with pytest.raises(StoreHeld):
            await verb
    with pytest.raises(StoreHeld):
        async with guard.watch("/", after=1):
            pass
    assert guard.held is not None
    entry = await store.get(KEY)
    assert entry is not None, "nothing was written or deleted while it was held"


async def test_another_cluster_is_refused_and_the_known_one_that_is_back_passes(
    guard: Guard, store: MemoryStore
) -> None:
    known, store.cluster = store.cluster, "another"
    with pytest.raises(StoreHeld, match="cluster id"):
        await guard.list("/")
    await asyncio.sleep(60)
    assert guard.held
    store.cluster = known
    await eventually(lambda: guard.held is None)
    await guard.get(KEY)


async def test_a_rewound_store_that_grows_past_the_known_revision_stays_out(guard: Guard, store: MemoryStore) -> None:
    await rewind(store, guard)
    with pytest.raises(StoreHeld):
        await guard.get(KEY)
    for _ in range(10):
        await store.put("/elsewhere", b"")
        await asyncio.sleep(10)
    assert guard.held


async def test_the_known_store_that_is_brought_back_passes(guard: Guard, store: MemoryStore, witness: Witness) -> None:
    await guard.put(KEY, b'{"value": 2}')
    kept = store.snapshot()
    store.wipe()
    with pytest.raises(StoreHeld):
        await guard.get(KEY)
    await asyncio.sleep(10)
    store.restore(kept)
    await eventually(lambda: guard.held is None)
    entry = await guard.get(KEY)
    assert entry is not None
    assert witness.known == await store.identity()


async def test_a_wiped_store_that_has_more_revisions_is_told_by_its_term(witness: Witness) -> None:
    witness.inspect()(Identity("c", 10, term=7))
    with pytest.raises(StoreHeld, match="term went back"):
        witness.inspect()(Identity("c", 500, term=2))


async def test_open_watches_end_when_the_store_is_held(guard: Guard, store: MemoryStore) -> None:
    async def watch() -> None:
        async with guard.watch("/deis/", after=(await guard.identity()).revision) as batches:
            watching.set()
            async for _ in batches:
                pass

    watching = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(ends_held(watch()))
        await watching.wait()
        store.cluster = "another"
        with pytest.raises(StoreHeld):
            await guard.get(KEY)
        async with asyncio.timeout(1):
            await task


async def ends_held(work: object) -> None:
    with pytest.raises(StoreHeld):
        await work  # type: ignore[misc]


async def test_an_answer_is_measured_by_what_was_known_when_it_was_asked(witness: Witness) -> None:
    """Answers may overtake each other; that is no step back."""
    witness.inspect()(Identity("c", 5))
    slow = witness.inspect()
    witness.inspect()(Identity("c", 9))
    slow(Identity("c", 6))
    assert witness.held is None
    assert witness.known == Identity("c", 9)
    with pytest.raises(StoreHeld):
        witness.inspect()(Identity("c", 8))


async def test_an_accepted_store_passes_and_is_the_known_one(
    guard: Guard, store: MemoryStore, witness: Witness, keyspace: Keyspace
) -> None:
    await rewind(store, guard)
    with pytest.raises(StoreHeld):
        await guard.get(KEY)
    accepted = await accept_store(store, keyspace)
    await eventually(lambda: guard.held is None)
    assert witness.known is not None
    assert witness.known.revision >= accepted.revision
    entry = await guard.get(KEY)
    assert entry is not None
    assert entry.value == b'{"value": 1}'


@pytest.mark.parametrize(
    "record",
    [
        {"cluster": "another", "accepted_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat()},
        {"cluster": None, "accepted_at": datetime(2020, 1, 1, tzinfo=UTC).isoformat()},
        {"cluster": None, "accepted_at": "yesterday"},
        {"cluster": None},
        "yes",
    ],
    ids=["of another cluster", "older than our last contact", "no time", "without a time", "no record"],
)
async def test_an_acceptance_that_is_not_of_this_store_and_time_is_none(
    guard: Guard, store: MemoryStore, keyspace: Keyspace, record: object
) -> None:
    await rewind(store, guard)
    with pytest.raises(StoreHeld):
        await guard.get(KEY)
    if isinstance(record, dict) and record["cluster"] is None:
        record = {**record, "cluster": store.cluster}
    await Shelf(store, keyspace.platform).put(PlatformSetting.model_validate({"value": record}), "store")
    await asyncio.sleep(60)
    assert guard.held


async def test_an_old_acceptance_in_a_snapshot_does_not_open_the_door(
    guard: Guard, store: MemoryStore, keyspace: Keyspace
) -> None:
    await accept_store(store, keyspace)
    await rewind(store, guard)
    with pytest.raises(StoreHeld):
        await guard.get(KEY)
    await asyncio.sleep(60)
    assert guard.held


async def test_a_lease_from_before_an_acceptance_is_lost(guard: Guard, store: MemoryStore, keyspace: Keyspace) -> None:
    lease = await guard.lease(3600)
    await rewind(store, guard)
    with pytest.raises(StoreHeld):
        await guard.get(KEY)
    await accept_store(store, keyspace)
    await eventually(lambda: guard.held is None)
    with pytest.raises(LeaseLost):
        await lease.renew()
    with pytest.raises(LeaseLost):
        await guard.put(KEY, b"", lease=lease)


async def test_a_mirror_holds_through_it_all_and_then_shows_the_accepted_store(
    guard: Guard, store: MemoryStore, keyspace: Keyspace
) -> None:
    mirror = Mirror(guard, keyspace.platform)
    async with supervise(mirror=mirror.run()):
        await eventually(lambda: mirror.current)
        pages = store.snapshot()
        await guard.put("/deis/platform/b", b'{"value": 2}')
        await eventually(lambda: mirror.get("b"))
        store.restore(pages)
        await eventually(lambda: guard.held, what="the mirror's own broken watch finds it out")
        await asyncio.sleep(60)
        assert not mirror.current
        assert mirror.get("b") is not None
        await accept_store(store, keyspace)
        await eventually(lambda: mirror.current)
        assert mirror.get("b") is None
        assert mirror.get("a") is not None


async def test_a_session_takes_a_new_lease_in_an_accepted_store(
    guard: Guard, store: MemoryStore, keyspace: Keyspace
) -> None:
    session = Session(guard, ttl=15, clock=asyncio.get_running_loop().time)
    async with supervise(session=session.run()):
        await session.publish("/deis/nodes/n1", b"old")
        await eventually(lambda: store.get("/deis/nodes/n1"))
        pages = store.snapshot()
        await session.publish("/deis/nodes/n1", b"newer")
        await session.publish("/deis/nodes/n1", b"new")
        store.restore(pages)
        with pytest.raises(StoreHeld):
            await guard.get(KEY)

        async def is_new() -> bool:
            entry = await store.get("/deis/nodes/n1")
            return entry is not None and entry.value == b"new"

        await accept_store(store, keyspace)
        await eventually(is_new)
