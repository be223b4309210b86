"""Servers on their way out: no new request, then no request, then gone.

`drain` → (nothing in flight, or the deadline) → `maint` → (nothing in flight) → deleted. As long as WebSockets are in
flight their deadline counts, else that of requests. At the deadline nothing is cut: the deployer stops the instance
then, and the app may end its requests within its own grace. What is still there a good while later hangs on a host that
is gone, and is cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from libs.keyspace.document import now
from libs.keyspace.records import Retiring
from services.router.commands import Command, CutSessions, DeleteServer, SetState
from services.router.counts import Count
from services.router.haproxy import HAProxy
from services.router.workers import OldWorkers

Key = tuple[str, str]  # back end and server

SETTLE = 0.05  # seconds after `drain` before the count is believed: a request just routed may not be counted yet
SOON, LATER = 0.05, 0.25  # seconds between two looks, in the first second and after it
SELDOM = 1.0  # the same while only WebSockets are waited for
CUT_AFTER = 60.0  # seconds past the deadline


@dataclass(frozen=True, slots=True)
class Leave:
    """A server's leave: when it began (monotonic) and what is in flight, None until it was counted."""

    since: float
    in_flight: Count | None = None


class Drains:
    """Sees servers that no one wants any more through to their end.

    `wanted` tells, for each back end that was decided on, the servers that belong there; what else is there leaves.
    `retiring` are the deployer's records by instance id, with deadlines; without one `longest` seconds are allowed.
    """

    def __init__(  # noqa: PLR0913 - the pictures that it compares
        self,
        haproxy: HAProxy,
        old_workers: OldWorkers,
        *,
        wanted: Mapping[str, Mapping[str, object]],
        retiring: Mapping[str, Retiring],
        longest: float,
        clock: Callable[[], float],
    ) -> None:
        self._haproxy = haproxy
        self._old_workers = old_workers
        self._wanted = wanted
        self._retiring = retiring
        self._longest = longest
        self._clock = clock
        self._callbacks: list[Callable[[], None]] = []
        self._again = asyncio.Event()
        self.leaves: dict[Key, Leave] = {}

    def look_again(self) -> None:
        """Look now for servers that leave, also in the midst of a long drain."""
        self._again.set()

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call back when a count changed or a server is gone."""
        self._callbacks.append(callback)

    def in_flight(self) -> dict[str, Count]:
        """What is in flight, by instance id, where it was counted."""
        return {name: leave.in_flight for (_, name), leave in self.leaves.items() if leave.in_flight is not None}

    async def drain_servers(self) -> None:
        """The loop's body: until no server leaves any more. Raises `HAProxyUnavailable`."""
        while True:
            self._note()
            if not self.leaves:
                return
            await self._step()
            self._again.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._again.wait()

    def _pause(self) -> float:
        youngest = self._clock() - max((leave.since for leave in self.leaves.values()), default=0.0)
        if youngest < 1.0:
            return SOON
        counts = [leave.in_flight for leave in self.leaves.values()]
        return SELDOM if all(count is not None and count.only_websockets for count in counts) else LATER

    def _leaving(self) -> Iterator[Key]:
        for backend, wanted in self._wanted.items():
            for name, server in self._haproxy.actual.servers.get(backend, {}).items():
                if name not in wanted and server.state != "ready":
                    yield backend, name

    def _note(self) -> None:
        leaving = set(self._leaving())
        began = self._clock()
        self.leaves = {key: self.leaves.get(key, Leave(began)) for key in leaving}

    async def _step(self) -> None:
        settled = {key: leave for key, leave in self.leaves.items() if self._clock() - leave.since >= SETTLE}
        if not settled:
            return
        await self._old_workers.drain(settled)
        async with self._haproxy.changing:
            counts = await self._haproxy.in_flight({backend for backend, _ in settled})
            before = dict(self.leaves)
            commands: list[Command] = []
            still = set(self._leaving())
            for key, leave in settled.items():
                count = counts.get(key, Count()) + self._old_workers.in_flight.get(key, Count())
                self.leaves[key] = Leave(leave.since, count)
                if key in still:
                    commands += self._next(key, leave, count)
            await self._haproxy.apply(commands)
        present = set(self._haproxy.actual.all_keys())
        self.leaves = {key: leave for key, leave in self.leaves.items() if key in present}
        if self.leaves != before:
            for callback in self._callbacks:
                callback()

    def _next(self, key: Key, leave: Leave, count: Count) -> list[Command]:
        backend, name = key
        state = self._haproxy.actual.servers[backend][name].state
        out: list[Command] = [] if state == "maint" else [SetState(backend, name, "maint")]
        if count.total == 0:
            return [*out, DeleteServer(backend, name)]
        late = self._late(name, leave, count, now())
        if late < 0:
            return []
        return [*out, CutSessions(backend, name)] if late > CUT_AFTER else out

    def _late(self, name: str, leave: Leave, count: Count, at: datetime) -> float:
        """Seconds past the deadline; negative before it."""
        record = self._retiring.get(name)
        if record is not None:
            for_websockets = record.websocket_deadline or record.deadline
            return (at - (for_websockets if count.websockets else record.deadline)).total_seconds()
        return self._clock() - leave.since - self._longest
