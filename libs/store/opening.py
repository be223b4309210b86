"""A daemon's way to the store: the configured driver behind the guard."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from libs.daemon.daemon import Daemon
from libs.daemon.settings import Settings
from libs.daemon.supervision import supervise
from libs.keyspace import Keyspace
from libs.store.driver import Driver
from libs.store.guard import Guard
from libs.store.witness import Witness


def open_driver(settings: Settings) -> Driver:
    """The driver named by `settings.store`, bare: only it is imported. Its `close` is the caller's."""
    driver: Driver = importlib.import_module(f"libs.store.drivers.{settings.store}").open_driver(settings)
    return driver


@asynccontextmanager
async def open_store(settings: Settings, *, name: str) -> AsyncIterator[Guard]:
    """The configured store while the body runs; `name` tells this daemon's witness from others' on the host."""
    driver = open_driver(settings)
    path = settings.home / "witness" / f"{name}.json" if driver.durable else None
    guard = Guard(driver, Witness.load(path), Keyspace(settings.store_prefix))
    try:
        async with supervise(guard_the_store=guard.run()):
            yield guard
    finally:
        await guard.close()


@asynccontextmanager
async def open_store_for(daemon: Daemon, settings: Settings) -> AsyncIterator[Guard]:
    """The configured store for a daemon, which is not ready while the store is held, and says why."""
    async with open_store(settings, name=daemon.name) as guard:
        daemon.ready["store not held at the door"] = lambda: guard.held is None
        daemon.facts["store"] = lambda: guard.held or guard.lost or "known"
        yield guard
