"""Every driver of `libs/store/drivers` through the same tests; a new file there is under contract at once."""

from __future__ import annotations

import pkgutil
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from libs.daemon import Settings
from libs.store import drivers
from libs.store.driver import Driver
from libs.store.drivers.memory import MemoryStore
from libs.store.opening import open_driver
from tests.support.etcd import EtcdServer

DRIVERS = sorted(module.name for module in pkgutil.iter_modules(drivers.__path__))

Compact = Callable[[int], Awaitable[None]]


@pytest.fixture(params=DRIVERS)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Driver]:
    endpoints = ""
    if request.param != "memory":
        etcd: EtcdServer = request.getfixturevalue("etcd")
        endpoints = etcd.endpoint
    driver = open_driver(Settings(store=request.param, store_endpoints=endpoints))
    yield driver
    await driver.close()


@pytest.fixture
def root() -> str:
    """A prefix that no other test uses: the server is shared."""
    return f"/contract-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def compact(store: Driver, request: pytest.FixtureRequest) -> Compact:
    """Make the store forget its history up to a revision."""

    async def compact_(revision: int) -> None:
        if isinstance(store, MemoryStore):
            store.compact(revision)
        else:
            etcd: EtcdServer = request.getfixturevalue("etcd")
            etcd.ctl("compact", str(revision))

    return compact_
