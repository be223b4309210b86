"""A container that runs once, seen from who waits for it: started, ended, read, put away. The unknown is an error."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar, runtime_checkable

import structlog

from libs.engine import (
    AddressesExhausted,
    Endings,
    Engine,
    EngineError,
    EngineUnavailable,
    ImageNotFound,
    Images,
    Instance,
    InstanceRefused,
    InstanceSpec,
    Logs,
)
from services.controller.errors import BadRequest, RunFailed
from services.controller.run_output import RunOutput
from services.controller.run_spec import SHELL, has_no_shell

log = structlog.get_logger("running")

T = TypeVar("T")

CALL_SECONDS = 60.0  # for the engine to answer a verb, beside what it has to wait for
READ_SECONDS = 120.0  # for reading the output of one that ended: engines keep some 100 MB, or three million lines
LONGEST_PAUSE = 2.0  # seconds between two attempts at an engine that does not answer


@runtime_checkable
class RunEngine(Engine, Images, Logs, Endings, Protocol):
    """An engine that can run a command once."""


class OneOff:
    """One such container."""

    def __init__(self, engine: RunEngine, spec: InstanceSpec) -> None:
        self._engine, self._spec = engine, spec
        self.name, self.id = spec.name, spec.identity.id
        self.ended: Instance | None = None  # once its end was seen

    async def start(self) -> None:
        """Start it; asked once only, as a second time could be a second run. Raises `BadRequest`, `RunFailed`."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await self._engine.start(self._spec)
        except InstanceRefused as error:
            if has_no_shell(error.reason):
                words = f"The image has no shell ({SHELL}), and a command needs one to be run: {error.reason}"
                raise BadRequest(words) from error
            raise RunFailed(f"The engine refused to run it: {error.reason}") from error
        except (ImageNotFound, AddressesExhausted) as error:
            raise RunFailed(f"It cannot be run: {error}") from error
        except (EngineUnavailable, TimeoutError) as error:
            raise RunFailed(f"The engine did not answer, so nobody knows whether it ran: {error}") from error

    async def end(self) -> Instance:
        """The instance at its end; its exit code is its process's own. Raises `RunFailed` where that is not known."""
        found = await self._patiently(lambda: self._engine.ended(self.name))
        if found is None:
            raise RunFailed("Its container was removed before its end was seen: nobody knows how it ended")
        self.ended = found
        if found.state == "created" or found.finished is None or found.exit_code is None:
            raise RunFailed(f"The engine did not see its end ({found.state}): nobody knows how it ended")
        return found

    async def output(self) -> RunOutput:
        """What it wrote, once it ended. Raises `RunFailed` where that cannot be read in time."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await self._patiently(self._read)
        except TimeoutError as error:
            raise RunFailed("its output could not be read") from error

    async def stop(self, grace: float) -> bool:
        """End it now; whether that is done."""
        try:
            async with asyncio.timeout(grace + CALL_SECONDS):
                await self._engine.stop(self.name, grace=grace)
                self.ended = await self._engine.ended(self.name)
        except (EngineUnavailable, TimeoutError) as error:
            log.warning("a one-off run is not stopped", name=self.name, error=str(error))
            return False
        return True

    async def put_away(self) -> None:
        """Remove it, and end it before where its end was not seen; what cannot be done is left to the deployer."""

        async def remove() -> None:
            if self.ended is None:
                await self._engine.stop(self.name, grace=0.0)
            await self._engine.remove(self.name)

        try:
            async with asyncio.timeout(CALL_SECONDS):
                await self._patiently(remove)
        except (EngineError, TimeoutError) as error:
            log.warning("a one-off run is left to the deployer", name=self.name, error=f"{error}")

    async def _read(self) -> RunOutput:
        output = RunOutput()
        async with self._engine.logs(self.name) as pieces:
            async for piece in pieces:
                output.add(piece.data)
        return output

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """The engine's answer, once it answers: processes go on without it."""
        while True:
            try:
                return await ask()
            except EngineUnavailable as error:
                log.debug("asks again", name=self.name, error=str(error))
                await asyncio.sleep(random.uniform(LONGEST_PAUSE / 10, LONGEST_PAUSE))
