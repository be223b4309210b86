"""One host's Docker Engine, through its HTTP API: the driver `docker`.

Docker 20.10 and later (API 1.41). The platform has a network of its own, `deis-<platform>`, whose addresses the driver
allocates. It knows its containers by the label `io.deis.platform`; other platforms' on the same engine are not seen.

Containers have no init process by default: a command that cannot be run is then refused at the start in the engine's
words, where docker-init would begin, fail and be restarted; and an app behaves the same on hosts without docker-init.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from libs.daemon.settings import Settings
from libs.engine.drivers.docker.engine import DockerEngine
from libs.engine.drivers.docker.ledger import LedgerFile
from libs.engine.drivers.docker.network import Network
from libs.engine.drivers.docker.settings import DockerSettings
from libs.engine.drivers.docker.wire import Wire

__all__ = ["DockerEngine", "DockerSettings", "open_driver"]


@asynccontextmanager
async def open_driver(settings: Settings) -> AsyncIterator[DockerEngine]:
    """The engine at `settings.docker_host`; it need not answer yet."""
    docker = DockerSettings.of(settings)
    wire = Wire(docker.docker_host)
    engine = DockerEngine(
        wire,
        platform=docker.platform,
        network=Network(wire, docker.platform, docker.subnet),
        ledger=LedgerFile(docker.home / "engine" / "addresses.json"),
        quarantine_seconds=docker.address_quarantine_seconds,
        init=docker.engine_init,
    )
    try:
        yield engine
    finally:
        await engine.close()
