from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.health_checker.ward import Ward, a_ward
from tests.support.dockerd import Dockerd
from tests.support.etcd import EtcdServer


@pytest.fixture
async def ward(etcd: EtcdServer, docker_engine: Dockerd, tmp_path: Path) -> AsyncIterator[Ward]:
    """A ward on the shared servers."""
    async with a_ward(etcd, docker_engine, tmp_path) as one:
        yield one


@pytest.fixture
async def mortal_ward(etcd: EtcdServer, own_docker_engine: Dockerd, tmp_path: Path) -> AsyncIterator[Ward]:
    """A ward on an engine of its own, that a test may kill."""
    async with a_ward(etcd, own_docker_engine, tmp_path) as one:
        yield one
