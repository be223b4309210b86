"""HAProxy as it was last seen, and the one way to change it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence

import structlog

from services.router import answers
from services.router.actual import Actual
from services.router.commands import Command, DeleteServer, Maps, accepted, line
from services.router.counts import TUNNELS, Count, counted
from services.router.files import Files
from services.router.runtime import HAProxyUnavailable, Runtime
from services.router.structure import LOGGERS_BACKEND, PLATFORM

log = structlog.get_logger("router")

FIRST_PAUSE = 0.02  # seconds between two tries to reach it; doubled up to LONGEST_PAUSE
LONGEST_PAUSE = 0.5


class HAProxyRefused(Exception):
    """HAProxy refused a command: it is not in the state that we thought."""


class HAProxy:
    """A running HAProxy. `actual` is what it has, as confirmed by itself; `adopted` says whether that was ever read.

    `doubt`: a command was refused, its answer lost, or HAProxy is another process: look before the next change.
    Hold `changing` from the moment that a change is decided on `actual` until it is applied.
    """

    def __init__(self, files: Files, backends: Iterable[str]) -> None:
        self._runtime = Runtime(files.runtime)
        self._maps = Maps(str(files.hosts), str(files.slots), str(files.timeouts))
        self._backends = {*backends, *PLATFORM.values()}
        self._callbacks: list[Callable[[], None]] = []
        self.actual = Actual()
        self.adopted = False
        self.doubt = True
        # One that an older configuration started may lack these:
        self.times = True  # it has the map of timeouts
        self.tails = True  # it has the back end of the loggers
        self.description = ""
        self.pid = 0
        self.refused = 0
        self.changing = asyncio.Lock()

    @property
    def connected(self) -> bool:
        """Whether it can be spoken to now."""
        return self._runtime.connected

    def on_connect(self, callback: Callable[[], None]) -> None:
        """Call back when a conversation with it began: it, or we, may be new."""
        self._callbacks.append(callback)

    async def keep_connected(self) -> None:
        """Keep a conversation open, for ever; its end is noticed at once."""
        pause = FIRST_PAUSE
        try:
            while True:
                try:
                    await self._runtime.connect()
                except HAProxyUnavailable as error:
                    if pause == FIRST_PAUSE:
                        log.warning("HAProxy does not answer; its supervisor should start it", error=str(error))
                    await asyncio.sleep(random.uniform(pause / 2, pause))
                    pause = min(pause * 2, LONGEST_PAUSE)
                    continue
                pause = FIRST_PAUSE
                self.doubt = True
                for callback in self._callbacks:
                    callback()
                await self._runtime.ended()
                self.doubt = True
        finally:
            self._runtime.close()

    def hang_up(self) -> None:
        """Begin a new conversation: after a reload the old one is with the old process."""
        self._runtime.close()

    async def look(self) -> None:
        """Read its whole state; raises `HAProxyUnavailable`."""
        maps = (f"show map {path}" for path in (self._maps.hosts, self._maps.slots, self._maps.timeouts))
        said, hosts, slots, timeouts, loggers, servers = await self._runtime.ask(
            ["show info", *maps, f"show servers state {LOGGERS_BACKEND}", "show servers state"]
        )
        try:
            about = answers.info(said)
            if about.get("Stopping", "0") != "0":
                self.hang_up()
                raise HAProxyUnavailable("this worker is finishing; another one takes over")
            found = answers.servers(servers)
            self.times, self.tails = answers.has_map(timeouts), answers.has_backend(loggers)
            self.actual = Actual(
                hosts=answers.table(hosts),
                slots=answers.table(slots),
                servers={backend: those for backend, those in found.items() if backend in self._backends},
                timeouts=answers.table(timeouts) if self.times else {},
            )
        except answers.BadAnswer as error:
            raise HAProxyUnavailable(str(error)) from error
        if int(about["Pid"]) != self.pid:
            log.info("adopted HAProxy", pid=about["Pid"], servers=sum(map(len, self.actual.servers.values())))
        self.pid, self.description = int(about["Pid"]), about.get("description", "")
        self.adopted, self.doubt = True, False

    async def apply(self, commands: Sequence[Command]) -> None:
        """Have it do these; one that it refuses, for drift or a race, makes `doubt`. Raises `HAProxyUnavailable`."""
        if not commands:
            return
        doubt, self.doubt = self.doubt, True  # until every answer is there
        heard = await self._runtime.ask([line(command, self._maps) for command in commands])
        self.doubt = doubt
        for command, answer in zip(commands, heard, strict=True):
            if accepted(command, answer):
                if not self.doubt:
                    self.actual.apply(command)
            elif not isinstance(command, DeleteServer):  # which is refused while a connection is left, as it should be
                self.doubt = True
                self.refused += 1
                log.warning("HAProxy refused", command=line(command, self._maps), answer=answer.strip())

    async def in_flight(self, backends: Iterable[str]) -> dict[tuple[str, str], Count]:
        """What is in flight for each server of these back ends; raises `HAProxyUnavailable`."""
        asked = [f"show stat {backend} 4 -1" for backend in sorted(backends)]
        *stats, tunnels = await self._runtime.ask([*asked, TUNNELS])
        try:
            return counted(stats, tunnels)
        except (answers.BadAnswer, ValueError) as error:
            raise HAProxyUnavailable(str(error)) from error
