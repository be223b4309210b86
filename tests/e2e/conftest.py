from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.platform import Platform, platform, processes_under
from tests.support.waiting import eventually

IMAGE = "example-hello"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def deis_platform() -> AsyncIterator[Platform]:
    """One platform for the tier, with an account and two versions of an image; nothing of it may be left behind."""
    directory = Path(tempfile.mkdtemp(prefix="deis-"))
    try:
        async with platform(directory) as running:
            for tag in ("v1", "v2"):
                await running.build(f"{IMAGE}:{tag}")
            url = f"http://deis.localhost:{running.settings.router_http_port}"
            login = ("--username", "ada", "--password", "correct horse", "--email", "ada@example.com")
            await running.deis("register", url, *login)
            yield running
        assert processes_under(directory) == []
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def name() -> str:
    """An app name that no other test uses."""
    return f"app-{secrets.token_hex(3)}"


@pytest_asyncio.fixture
async def app(deis_platform: Platform, name: str) -> AsyncIterator[str]:
    """An app that answers, with two instances; destroyed afterwards."""
    await deis_platform.deis("create", name, "--no-remote")
    await deis_platform.deis("pull", f"{IMAGE}:v1", "-a", name)
    await deis_platform.deis("scale", "cmd=2", "-a", name)
    yield name
    await deis_platform.ready()
    await deis_platform.deis("destroy", "-a", name, f"--confirm={name}")

    async def gone() -> bool:
        return await deis_platform.containers(name) == []

    await eventually(gone, within=60, what=f"the containers of {name} gone")
