"""HAProxy's master process: reloads, and the old workers that a reload leaves behind.

An old worker serves the requests and WebSockets that it has; it takes no new connection. What drains there counts too.
Source: HAProxy 2.6 management guide, 9.4 (the master's command line; `@!<pid>` speaks with a worker).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from services.router import answers
from services.router.commands import SetState
from services.router.counts import TUNNELS, Count, counted
from services.router.runtime import HAProxyUnavailable

TIMEOUT = 5.0  # seconds for one answer
PATIENCE = 5.0
_OLD = re.compile(r"^(\d+)\s+worker\s", re.MULTILINE)


class Master:
    """The master's socket at `path`; one connection a question, since they are rare. All raise `HAProxyUnavailable`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def reload(self) -> None:
        """Ask it to start a worker with the configuration on disk, and the present one to finish."""
        await self._ask("reload")

    async def old_workers(self) -> list[int]:
        """The pids of the workers that are finishing."""
        _, found, listed = (await self._ask("show proc")).partition("# old workers")
        return [int(pid) for pid in _OLD.findall(listed.partition("#")[0])] if found else []

    async def in_flight(self, pid: int, backends: Iterable[str]) -> dict[tuple[str, str], Count]:
        """As `HAProxy.in_flight`, of an old worker."""
        stats = [await self._ask(f"@!{pid} show stat {backend} 4 -1") for backend in sorted(backends)]
        tunnels = await self._ask(f"@!{pid} {TUNNELS}")
        try:
            return counted(stats, tunnels)
        except (answers.BadAnswer, ValueError) as error:
            raise HAProxyUnavailable(str(error)) from error

    async def drain(self, pid: int, backend: str, name: str) -> None:
        """Have an old worker send a server nothing new."""
        command = SetState(backend, name, "drain")
        await self._ask(f"@!{pid} set server {command.backend}/{command.name} state {command.state}")

    async def _ask(self, command: str) -> str:
        try:
            async with asyncio.timeout(TIMEOUT):
                reader, writer = await asyncio.open_unix_connection(str(self.path))
                try:
                    writer.write(command.encode() + b"\n")
                    writer.write_eof()  # else it waits for another command
                    return (await reader.read()).decode(errors="replace")
                finally:
                    writer.close()
        except (OSError, TimeoutError) as error:
            raise HAProxyUnavailable(f"no answer at {self.path}: {error!r}") from error


class OldWorkers:
    """The workers that a reload left behind, and what is in flight in them by (back end, server).

    A master that starts, or starts anew at a reload, does not answer for a moment; one that does not for `PATIENCE`
    seconds is taken for none: HAProxy runs without it, or it is dead, and then it has no old workers either.
    """

    def __init__(self, master: Master, clock: Callable[[], float]) -> None:
        self._master = master
        self._clock = clock
        self._silent_since: float | None = None
        self._told: set[tuple[int, str, str]] = set()
        self.in_flight: dict[tuple[str, str], Count] = {}

    async def drain(self, keys: Iterable[tuple[str, str]]) -> None:
        """Have them send these servers nothing new, and count what they still have of them.

        Raises `HAProxyUnavailable`: what an old worker has is not known then.
        """
        pids = await self._pids()
        self._told = {told for told in self._told if told[0] in pids}
        wanted = sorted(keys)
        counts: dict[tuple[str, str], Count] = {}
        for pid in pids:
            try:
                await self._drain_in(pid, wanted, counts)
            except HAProxyUnavailable:
                continue  # it ended meanwhile
        self.in_flight = counts

    async def _pids(self) -> list[int]:
        if not self._master.path.exists():
            return []
        try:
            pids = await self._master.old_workers()
        except HAProxyUnavailable:
            if self._silent_since is None:
                self._silent_since = self._clock()
            if self._clock() - self._silent_since < PATIENCE:
                raise
            return []
        self._silent_since = None
        return pids

    async def _drain_in(self, pid: int, keys: list[tuple[str, str]], counts: dict[tuple[str, str], Count]) -> None:
        for backend, name in keys:
            if (pid, backend, name) not in self._told:
                await self._master.drain(pid, backend, name)
                self._told.add((pid, backend, name))
        for key, count in (await self._master.in_flight(pid, {backend for backend, _ in keys})).items():
            counts[key] = counts.get(key, Count()) + count
