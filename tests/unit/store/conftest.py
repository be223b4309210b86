"""The store's parts over the memory driver, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from libs.keyspace import Keyspace
from libs.store.drivers.memory import MemoryStore
from tests.support.virtual_time import VirtualLoop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"virtual": VirtualLoop}


@pytest.fixture
async def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def keyspace() -> Keyspace:
    return Keyspace("/deis")
