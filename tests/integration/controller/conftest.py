"""Two controllers of one platform, on a real etcd."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.daemon import Settings
from libs.store import Store
from libs.store.opening import open_store
from tests.support.api import Api, running_api
from tests.support.etcd import EtcdServer


@pytest.fixture
def prefix() -> str:
    return f"/test-{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def store(etcd: EtcdServer, tmp_path: Path, prefix: str) -> AsyncIterator[Store]:
    settings = Settings(home=tmp_path, store_endpoints=etcd.endpoint, store_prefix=prefix)
    async with open_store(settings, name="test") as opened:
        yield opened


@pytest.fixture
async def apis(store: Store, tmp_path: Path, prefix: str) -> AsyncIterator[tuple[Api, Api]]:
    """Two controllers of one platform."""
    async with (
        running_api(store, tmp_path, prefix=prefix) as one,
        running_api(store, tmp_path, prefix=prefix) as two,
    ):
        two.deployer.holding = True
        yield one, two
