"""Docker drivers on a real engine."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from libs.engine import Identity, InstanceSpec, Limits
from libs.engine.drivers.docker import DockerEngine, DockerSettings, open_driver
from tests.support.dockerd import Dockerd, free_subnet


class Open(Protocol):
    """Opens another driver; unless told otherwise with a platform of its own."""

    async def __call__(self, daemon: Dockerd, **settings: Any) -> DockerEngine: ...


@pytest.fixture
async def open_docker(tmp_path: Path) -> AsyncIterator[Open]:
    """Docker drivers, closed behind the test."""
    async with AsyncExitStack() as stack:

        async def open_one(daemon: Dockerd, **given: Any) -> DockerEngine:
            settings = {
                "home": tmp_path,
                "platform": f"t{uuid.uuid4().hex[:8]}",
                "docker_host": daemon.host,
                "subnet": free_subnet(),
                **given,
            }
            return await stack.enter_async_context(open_driver(DockerSettings.model_validate(settings)))

        yield open_one


@pytest.fixture
async def docker(docker_engine: Dockerd, open_docker: Open) -> DockerEngine:
    """One driver on the run's engine."""
    return await open_docker(docker_engine)


def instance(*command: str, image: str = "busybox:latest", limits: Limits | None = None) -> InstanceSpec:
    """A new instance that sleeps, or does this; its name was never used."""
    who = Identity(uuid.uuid4().hex[:8], "shop", "3f1c", "web", 1, 2)
    return InstanceSpec(who, image, command=command or ("sleep", "1000000"), port=8000, limits=limits or Limits())
