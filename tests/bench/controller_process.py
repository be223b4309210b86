"""The controller that is measured, as an operator runs it but for its engine; it imports no more than that one does."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import uvloop
from prometheus_client import CollectorRegistry, ProcessCollector

from libs.daemon import Daemon, Settings, logs, memory, supervise
from libs.engine import EngineEvent, InstanceSpec, Population
from libs.engine.drivers import docker
from libs.store.opening import open_store_for
from libs.web import open_client
from services.controller.serve import control
from services.controller.settings import ControllerSettings
from tests.bench import controller_records as records


class Engine:
    """An engine in which all that the records tell of is there; nothing is to be done in it."""

    driver = docker  # its memory counts, though nothing is asked of it

    def __init__(self, releases: Mapping[str, int]) -> None:
        own = [container for app, latest in releases.items() for container in records.containers(app, latest)]
        self._population = Population(tuple(own))

    async def instances(self) -> Population:
        """All of them."""
        return self._population

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[EngineEvent]]:
        """None."""

        async def none() -> AsyncIterator[EngineEvent]:
            yield EngineEvent("", "connected")
            await asyncio.Event().wait()

        yield none()

    async def start(self, spec: InstanceSpec) -> None:
        """Not to be asked."""
        raise AssertionError(f"{spec.name} is there")

    async def stop(self, name: str, *, grace: float) -> None:
        """Not to be asked."""
        raise AssertionError(f"{name} is wanted, and has a grace of {grace}")

    async def remove(self, name: str) -> None:
        """Not to be asked."""
        raise AssertionError(f"{name} is wanted")

    async def close(self) -> None:
        """Nothing is open."""


async def be_the_controller(releases: Mapping[str, int]) -> None:
    """The daemon as an operator runs it, but for its engine, which has the instances of these; until SIGTERM."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    daemon, settings = Daemon("controller", registry), ControllerSettings()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, daemon.stopping.set)
    async with (
        supervise(give_back_memory=memory.keep_giving_back()),
        open_store_for(daemon, settings) as store,
        open_client() as client,
    ):
        await control(daemon, settings, store, Engine(releases), client)


def main() -> None:
    """As `deis-daemon` does it."""
    memory.share_one_arena()
    logs.configure(Settings().log_level, "console")
    uvloop.run(be_the_controller(json.loads(sys.argv[1])))
