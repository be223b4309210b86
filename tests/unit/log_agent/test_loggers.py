"""Which logger: every agent the same one, and none is left because the store forgets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from libs.daemon import supervise
from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import MeshMember
from libs.store.drivers.memory import MemoryStore
from libs.store.mirror import Mirror
from libs.store.shelf import Shelf
from services.log_agent.loggers import Loggers
from tests.support.waiting import eventually

KEYS = Keyspace()


def member(id_: str, url: str, *, ready: bool = True) -> MeshMember:
    return MeshMember(service="logger", id=id_, node=id_, url=url, ready=ready, started=now())


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def loggers(store: MemoryStore) -> AsyncIterator[Loggers]:
    mirror = Mirror(store, KEYS.mesh, "logger")
    async with supervise(mirror=mirror.run()):
        yield Loggers(mirror)


async def test_the_first_ready_one_by_name_is_chosen(store: MemoryStore, loggers: Loggers) -> None:
    shelf = Shelf(store, KEYS.mesh)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(loggers.one())
        await shelf.put(member("b", "http://b"), "logger", "b")
        assert (await waiting).id == "b"
        moved = group.create_task(loggers.other_than("http://b"))
        await shelf.put(member("a", "http://a", ready=False), "logger", "a")
        await shelf.put(member("c", "http://c"), "logger", "c")
        await eventually(lambda: loggers._members.get("logger", "c"))
        assert not moved.done()
        await shelf.put(member("a", "http://a"), "logger", "a")
        assert (await moved).id == "a"


async def test_a_logger_whose_record_vanished_is_not_left_for_nobody(store: MemoryStore, loggers: Loggers) -> None:
    shelf = Shelf(store, KEYS.mesh)
    await shelf.put(member("a", "http://a:1"), "logger", "a")
    await loggers.one()
    async with asyncio.TaskGroup() as group:
        moved = group.create_task(loggers.other_than("http://a:1"))
        await shelf.delete("logger", "a")
        await eventually(lambda: loggers._members.get("logger", "a") is None)
        assert not moved.done()
        await shelf.put(member("a", "http://a:2"), "logger", "a")
        assert (await moved).url == "http://a:2"
