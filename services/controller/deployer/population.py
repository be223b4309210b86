"""What the engine has, from its complete answers; fresh whenever something happened there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from libs.engine import Engine, EngineUnavailable, Instance, Population


class ObservedEngine:
    """Lists the engine, one listing at a time for all who ask, and tells whose instances changed.

    A listing says what was there after it was asked for: who acted on the engine wants one that was asked for later.
    """

    def __init__(self, engine: Engine, *, limit: float) -> None:
        self._engine = engine
        self._limit = limit
        self._lock = asyncio.Lock()
        self._asked = float("-inf")  # when the present listing was asked for, by the monotonic clock
        self._failed: tuple[float, EngineUnavailable] | None = None
        self._following = False
        self._population = Population(())
        self._by_app: dict[str, tuple[Instance, ...]] = {}  # by the app's uuid
        self._callbacks: list[Callable[[set[str]], None]] = []
        self.woken: Callable[[], None] = lambda: None

    @property
    def asked(self) -> float:
        """When the present listing was asked for; -inf before the first."""
        return self._asked

    @property
    def population(self) -> Population:
        """The last complete answer."""
        return self._population

    def of(self, app_uuid: str) -> tuple[Instance, ...]:
        """An app's instances in the last complete answer."""
        return self._by_app.get(app_uuid, ())

    def on_change(self, callback: Callable[[set[str]], None]) -> None:
        """Call back with the names of the apps whose instances a new listing shows changed."""
        self._callbacks.append(callback)

    async def fresh(self, after: float) -> None:
        """Return once there is a listing asked for after this time, and not behind any event.

        Raises `EngineUnavailable`; who waited for the same answer gets the same error.
        """
        came = time.monotonic()
        wanted = after if self._following else max(after, came - 1.0)
        while self._asked <= wanted:
            async with self._lock:
                if self._asked > wanted:
                    return
                if self._failed and self._failed[0] >= came:
                    raise EngineUnavailable(str(self._failed[1]))
                await self._list()

    async def observe(self) -> None:
        """List now."""
        await self.fresh(time.monotonic())

    async def follow(self) -> None:
        """Want a new listing at every event; returns only by `EngineUnavailable`."""
        try:
            async with self._engine.events() as events:
                async for _ in events:
                    self._following = True
                    self.woken()
        finally:
            self._following = False

    async def _list(self) -> None:
        asked = time.monotonic()
        try:
            async with asyncio.timeout(self._limit):
                population = await self._engine.instances()
        except TimeoutError:
            error = EngineUnavailable(f"it did not list its instances within {self._limit:g} s")
            self._failed = time.monotonic(), error
            raise error from None
        except EngineUnavailable as error:
            self._failed = time.monotonic(), error
            raise
        self._asked = asked
        self._take(population)

    def _take(self, population: Population) -> None:
        by_app: dict[str, list[Instance]] = {}
        for instance in population.instances:
            by_app.setdefault(instance.identity.app_uuid, []).append(instance)
        before, self._by_app = self._by_app, {uuid: tuple(found) for uuid, found in by_app.items()}
        self._population = population
        changed = {uuid for uuid in before.keys() | self._by_app.keys() if before.get(uuid) != self._by_app.get(uuid)}
        names = {i.identity.app for uuid in changed for i in (*before.get(uuid, ()), *self._by_app.get(uuid, ()))}
        for callback in self._callbacks:
            callback(names)
