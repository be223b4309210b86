"""The configured engine, opened: the driver's module is imported only here, and only the one that is named."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from libs.daemon.settings import Settings
from libs.engine import drivers
from libs.engine.engine import Engine


class NoSuchDriver(ValueError):
    """No engine driver has the configured name."""


def available() -> list[str]:
    """The names of the drivers: those of the modules in `libs/engine/drivers`."""
    return sorted(module.name for module in pkgutil.iter_modules(drivers.__path__))


@asynccontextmanager
async def open_engine(settings: Settings) -> AsyncIterator[Engine]:
    """The engine of `settings.engine`, closed behind the body; the engine itself need not answer yet.

    A driver's module has `open_driver(settings)`, an asynchronous context manager of an `Engine`.
    Raises `NoSuchDriver`.
    """
    if settings.engine not in available():
        raise NoSuchDriver(f"no engine driver is named {settings.engine!r}; there are: {', '.join(available())}")
    module = importlib.import_module(f"libs.engine.drivers.{settings.engine}")
    open_driver: Callable[[Settings], AbstractAsyncContextManager[Engine]] = module.open_driver
    async with open_driver(settings) as engine:
        yield engine
