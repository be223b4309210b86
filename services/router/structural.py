"""Reloads, for the few things that need one: another port, a larger pool, other timeouts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from services.router.configuration import digest
from services.router.haproxy import HAProxy
from services.router.runtime import HAProxyUnavailable
from services.router.structure import Structure
from services.router.workers import Master

log = structlog.get_logger("router")


PATIENCE = 20.0  # seconds for the new worker to take over the sockets
RETRY = 0.2  # seconds between two looks whether it has
START = 3.0  # seconds for a master that was just started to answer; its worker does so before


class Structural:
    """Brings a running HAProxy to the structure that the settings ask for.

    It reloads at most once in the life of this process, after the configuration was written, and never while a server
    drains: between retiring and stopped, an old worker would go on with the old picture.
    """

    def __init__(  # noqa: PLR0913 - the parts that a reload concerns
        self,
        haproxy: HAProxy,
        master: Master,
        structure: Structure,
        *,
        draining: Callable[[], bool],
        write: Callable[[], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._haproxy = haproxy
        self._master = master
        self._name = f"deis-{digest(structure)}"
        self._draining = draining
        self._write = write
        self._clock = clock
        self._reloaded_at: float | None = None
        self._told = False

    @property
    def differs(self) -> bool:
        """Whether the running HAProxy has another structure than the settings ask for."""
        return self._haproxy.adopted and self._haproxy.description != self._name

    async def apply_structure(self) -> None:
        """The loop's body; raises `HAProxyUnavailable`, `OSError`."""
        if not self.differs or self._haproxy.doubt or self._told:
            return
        if self._reloaded_at is not None:
            if self._clock() - self._reloaded_at < PATIENCE:
                await asyncio.sleep(RETRY)
                self._haproxy.hang_up()
                return
            log.error(
                "HAProxy did not take the settings over; check its log, and its file with haproxy -c -f",
                running=self._haproxy.description,
                wanted=self._name,
            )
            self._told = True
            return
        if self._draining():
            return
        async with self._haproxy.changing:
            await self._write()
            log.info("reloading HAProxy: its ports, pool or timeouts were changed", wanted=self._name)
            try:
                await self._reload()
            except HAProxyUnavailable as error:
                log.error(  # noqa: TRY400 - what to do is said, a traceback adds nothing
                    "HAProxy runs with other settings, and cannot be reloaded: restart it by its supervisor",
                    error=str(error),
                )
                self._told = True
                return
            self._reloaded_at = self._clock()
            self._haproxy.hang_up()

    async def _reload(self) -> None:
        """Ask the master for it; raises `HAProxyUnavailable`."""
        patient_until = self._clock() + START
        while True:
            try:
                await self._master.reload()
            except HAProxyUnavailable:
                if self._clock() > patient_until or not self._master.path.exists():
                    raise
            else:
                return
            await asyncio.sleep(RETRY)
