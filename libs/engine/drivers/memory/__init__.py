"""An engine in memory: a real driver that obeys the containers' states; for tests, and to try a platform.

Several engines may share one `Host` (`MemoryEngine.fork`), as several clients share one Docker Engine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from libs.daemon.settings import Settings
from libs.engine.drivers.memory.engine import MemoryEngine
from libs.engine.drivers.memory.host import Behaviour, Commands, Host, Outcome, Row

__all__ = ["Behaviour", "Commands", "Host", "MemoryEngine", "Outcome", "Row", "open_driver"]


@asynccontextmanager
async def open_driver(settings: Settings) -> AsyncIterator[MemoryEngine]:
    """An empty host of one's own."""
    engine = MemoryEngine(platform=settings.platform)
    try:
        yield engine
    finally:
        await engine.close()
