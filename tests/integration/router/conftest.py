from __future__ import annotations

import pytest

from services.router.settings import RouterSettings
from tests.integration.router.mesh import Mesh
from tests.support.haproxy import HAProxyServer


@pytest.fixture
async def mesh(haproxy: HAProxyServer, router_settings: RouterSettings) -> Mesh:
    """A HAProxy and a store; the router is started by the test."""
    return Mesh(haproxy, router_settings)
