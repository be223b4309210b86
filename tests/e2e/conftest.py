from __future__ import annotations

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio

from tests.support.platform import Platform, platform, processes_under
from tests.support.tenant import Tenant
from tests.support.waiting import eventually

IMAGE = "example-hello"
STEADY = "example-steady"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def deis_platform() -> AsyncIterator[Platform]:
    """One platform for the tier, with an account and two versions of an image; nothing of it may be left behind."""
    directory = Path(tempfile.mkdtemp(prefix="deis-"))
    try:
        async with platform(directory, extra={"DEIS_NODE_TAGS": '{"disk": "ssd"}'}) as running:
            for tag in ("v1", "v2"):
                await running.build(f"{IMAGE}:{tag}")
                await running.steady(f"{STEADY}:{tag}")
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


class Settled(Protocol):
    """Makes an app of `steady` and has it running.

    `probes` are those of its type `cmd`; the rest are settings in lower case and config values in upper case.
    """

    async def __call__(self, *scale: str, probes: object = None, **how: object) -> Tenant: ...


@pytest_asyncio.fixture
async def settled(deis_platform: Platform) -> AsyncIterator[Settled]:
    """Apps that answer; destroyed afterwards, with every program running again."""
    made: list[Tenant] = []
    async with deis_platform.records() as records:

        async def settle(*scale: str, probes: object = None, **how: object) -> Tenant:
            tenant = Tenant(deis_platform, records, f"app-{secrets.token_hex(3)}")
            await deis_platform.deis("create", tenant.name, "--no-remote")
            made.append(tenant)
            if settings := {name: value for name, value in how.items() if name.islower()}:
                await tenant.settings(**settings)
            if values := [f"{name}={value}" for name, value in how.items() if name.isupper()]:
                await tenant.deis("config:set", *values)
            if probes:
                await tenant.healthcheck(cmd=probes)
            await tenant.deis("pull", f"{STEADY}:v1")
            await tenant.deis("scale", *scale)
            return tenant

        yield settle
        await deis_platform.local("up")
        await deis_platform.ready()
        async with asyncio.TaskGroup() as group:
            for tenant in made:
                group.create_task(tenant.deis("destroy", f"--confirm={tenant.name}"))

    async def gone() -> bool:
        return not any([await deis_platform.containers(tenant.name) for tenant in made])

    await eventually(gone, within=60, what="the containers of the apps gone")
