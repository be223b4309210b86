"""The API over a store in memory, with an admin, an app and a build."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.store.drivers.memory import MemoryStore
from tests.support.api import Api, Client, running_api
from tests.support.cast import Cast, on_stage


@pytest.fixture
async def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def api(store: MemoryStore, tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(store, tmp_path) as running:
        yield running


@pytest.fixture
async def admin(api: Api) -> Client:
    return await api.client.joined("admin")


@pytest.fixture
async def app(admin: Client) -> str:
    """An app without a build."""
    answer = await admin("POST", "/v1/apps", {"id": "hello"})
    assert answer.status == 201
    return "/v1/apps/hello"


@pytest.fixture
async def built(admin: Client, app: str) -> str:
    """An app with a build, at v2."""
    answer = await admin("POST", f"{app}/builds", {"image": "acme/hello:1"})
    assert answer.status == 201
    return app


@pytest.fixture
async def cast(tmp_path: Path) -> AsyncIterator[Cast]:
    """An API of its own with people who have something."""
    async with on_stage(tmp_path) as cast:
        yield cast
