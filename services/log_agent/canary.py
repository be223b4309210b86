"""The canary: a numbered line now and then, of no app, that goes the way of all lines; then it is looked for."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from libs.keyspace.records import Instance
from libs.loglines import Kind, encode
from services.log_agent.lane import Lane
from services.log_agent.logger_client import LoggerClient
from services.log_agent.patience import until_answered

NO_APP = "~canary"  # the tilde is in no app's name and in no uuid
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
FATES = ("sent", "stored", "lost", "unknown")


@dataclass(slots=True)
class Fates:
    """What became of a logger's canary lines. `unknown`: it lost its memory, or its record of this node, meanwhile."""

    sent: int = 0
    stored: int = 0
    lost: int = 0
    unknown: int = 0


@dataclass(eq=False)
class Canaries(Collector):
    """One canary for each logger that the node ships to, each every so many seconds; none where that is 0."""

    node: str
    every: float
    registry: CollectorRegistry
    fates: dict[str, Fates] = field(default_factory=dict)  # by logger

    def __post_init__(self) -> None:
        self.registry.register(self)
        self._seconds = Histogram(
            "deis_log_agent_canary_seconds",
            "From a canary line's writing until the logger kept it",
            buckets=SECONDS,
            registry=self.registry,
        )

    def describe(self) -> Iterator[CounterMetricFamily]:
        """The family without its figures."""
        yield CounterMetricFamily(
            "deis_log_agent_canary_lines", "Canary lines by what became of them", labels=("logger", "fate")
        )

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The figures as they are now."""
        for family in self.describe():
            for logger, fates in self.fates.items():
                for fate in FATES:
                    family.add_metric((logger, fate), getattr(fates, fate))
            yield family

    async def sing(self, logger: str, client: LoggerClient, boot: str, ready: Callable[[Lane], None]) -> None:
        """Write a line, wait until it is answered for, ask for it, and so on, for as long as this boot lives."""
        if not self.every:
            return
        fates = self.fates.setdefault(logger, Fates())
        app = f"{NO_APP}-{self.node}"
        instance = Instance(
            id=f"canary-{self.node}",
            name=app,
            node=self.node,
            app=app,
            app_uuid=app,
            type="canary",
            number=1,
            release=0,
            state="running",
        )
        reading = secrets.token_hex(4)
        lane = Lane(instance, reading, 0, ready, lambda: "")
        while True:
            number, began = lane.lines, time.monotonic()
            text = b"%s line %d" % (reading.encode(), number)
            fates.sent += 1
            lane.put([encode(time.time_ns(), Kind.PLATFORM, text)])
            await lane.drained()
            self._seconds.observe(time.monotonic() - began)
            said = await until_answered(lambda: client.last_lines(app, 10))
            if any(line.endswith(text) for line in said):
                fates.stored += 1
            elif (await until_answered(lambda: client.known(app, instance.id))).boot != boot or not said:
                fates.unknown += 1
            else:
                fates.lost += 1
            await asyncio.sleep(self.every)
