"""A shipment: the lines of a logger's apps, to one boot of it after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Never

import structlog

from libs.daemon.supervision import leaves
from libs.engine import Logs
from libs.keyspace.records import Instance
from libs.loglines import Frame
from libs.store.mirror import Mirror
from libs.web import open_client
from services.log_agent.canary import Canaries
from services.log_agent.cursors import Cursors
from services.log_agent.ends import Ends
from services.log_agent.follower import Follower, Parts
from services.log_agent.followers import Followers
from services.log_agent.logger_client import LoggerClient, LoggerForgot
from services.log_agent.outages import Outages
from services.log_agent.patience import until_answered
from services.log_agent.sender import Counts, Sender

log = structlog.get_logger("log_agent")

CONNECTIONS = 16  # at once to one logger: the batches under way, and questions

Mine = Callable[[Instance], bool]


@dataclass(frozen=True)
class Desk:
    """What all shipments work with."""

    token: str
    logs: Logs
    instances: Mirror[Instance]
    cursors: Cursors
    ends: Ends
    outages: Outages
    counts: Counts
    canaries: Canaries
    refill: int  # lines
    stall_seconds: float


class Shipment:
    """What is read for a logger's boot lives and ends with it: another boot is asked anew for what it knows.

    `mine` says whose lines it carries now; an app that moved to another logger is left where it was.
    """

    def __init__(self, logger: str, url: str, desk: Desk, mine: Mine) -> None:
        self.url = url
        self.boot = ""  # that is shipped to now
        self._logger = logger
        self._desk = desk
        self._mine = mine
        self._followers: Followers | None = None
        self._doubted = asyncio.Event()

    @property
    def followed(self) -> Collection[str]:
        """The ids of the instances that are read for it."""
        return self._followers.ids if self._followers else ()

    def wake(self) -> None:
        """Instances or loggers changed: look again."""
        if self._followers:
            self._followers.wake()

    def doubt(self) -> None:
        """The logger may be another process than it was: ask which boot it is, though nothing may be there to ship."""
        self._doubted.set()

    async def run(self) -> None:
        """For ever."""
        # Connections of its own: a logger that hangs takes no other one's.
        async with open_client(connections=CONNECTIONS) as session:
            client = LoggerClient(session, self.url, self._desk.token)
            while True:
                try:
                    await self._ship(client)
                except* LoggerForgot as failures:
                    reasons = [str(failure) for failure in leaves(failures)]
                    log.info("begins anew", logger=self._logger, reasons=reasons)
                finally:
                    self.boot, self._followers = "", None

    async def _ship(self, client: LoggerClient) -> None:
        desk, boot = self._desk, await until_answered(client.boot)
        log.info("ships to a logger", logger=self._logger, url=client.url, boot=boot)
        sender = Sender(client, boot, desk.counts, self._arrived)
        parts = Parts(
            logs=desk.logs,
            client=client,
            cursors=desk.cursors,
            ends=desk.ends,
            outages=desk.outages,
            counts=desk.counts,
            ready=sender.ready,
            settled=sender.settled,
            refill=desk.refill,
            stall_seconds=desk.stall_seconds,
        )
        self._followers = Followers(desk.instances, self._mine, lambda instance: Follower(instance, parts))
        self.boot = boot
        async with asyncio.TaskGroup() as group:
            group.create_task(sender.run(), name="send lines")
            group.create_task(self._followers.run(desk.cursors.forget), name="keep followers")
            group.create_task(desk.canaries.sing(self._logger, client, boot, sender.ready), name="sing")
            group.create_task(self._heed(client, boot), name="ask for the boot")

    async def _heed(self, client: LoggerClient, boot: str) -> Never:
        while True:
            await self._doubted.wait()
            self._doubted.clear()
            if (present := await until_answered(client.boot)) != boot:
                raise LoggerForgot(f"{self.url} has boot {present}, not {boot}")

    def _arrived(self, frame: Frame) -> None:
        self._desk.cursors.set(frame.header.instance, frame.header.position)
