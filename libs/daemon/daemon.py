"""What a service is handed: its name, its settings' source, its loops and probes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from libs.daemon.loop import Loop
from libs.daemon.supervision import supervise


@dataclass
class Daemon:
    """One service in this process. Its parts come in as arguments from here; there are no module-level singletons.

    `ready` holds named conditions for `/readyz` (mirrors complete, lease held, listener open), `facts` what an operator
    may want to know beside them, for `/statusz`; `stopping` is set when the process was asked to end.
    """

    name: str
    registry: CollectorRegistry
    admin_url: str = ""
    loops: dict[str, Loop] = field(default_factory=dict)
    ready: dict[str, Callable[[], bool]] = field(default_factory=dict)
    facts: dict[str, Callable[[], object]] = field(default_factory=dict)  # each a JSON value
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    running: bool = False  # its parts are built, and its loops begin

    def loop(
        self,
        name: str,
        body: Callable[[], Coroutine[Any, Any, None]],
        *,
        every: float,
        expected: tuple[type[Exception], ...] = (),
    ) -> Loop:
        """A loop, named for what it keeps true, that `/statusz` reports on; `run` runs it."""
        if name in self.loops:
            raise ValueError(f"{self.name} has a loop named {name!r} already")
        self.loops[name] = Loop(name, body, every=every, expected=expected)
        return self.loops[name]

    async def run(self, **tasks: Coroutine[Any, Any, Any]) -> None:
        """Run every loop and these further tasks until the process is asked to end."""
        self.running = True
        named = {name: loop.run() for name, loop in self.loops.items()}
        async with supervise(**named, **tasks):
            await self.stopping.wait()
