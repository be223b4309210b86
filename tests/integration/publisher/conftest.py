from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.publisher.node import Node, a_node
from tests.support.dockerd import Dockerd
from tests.support.etcd import EtcdServer


@pytest.fixture
async def node(etcd: EtcdServer, docker_engine: Dockerd, tmp_path: Path) -> AsyncIterator[Node]:
    """A node on the shared servers."""
    async with a_node(etcd, docker_engine, tmp_path) as one:
        yield one


@pytest.fixture
async def mortal_node(own_etcd: EtcdServer, own_docker_engine: Dockerd, tmp_path: Path) -> AsyncIterator[Node]:
    """A node on servers of its own, that a test may kill."""
    async with a_node(own_etcd, own_docker_engine, tmp_path) as one:
        yield one
