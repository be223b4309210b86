"""Shipping: all of the node's lines to one boot of one logger, for as long as it is the one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import aiohttp
import structlog

from libs.daemon.supervision import leaves
from libs.engine import Logs
from libs.keyspace.records import Instance
from libs.loglines import Frame
from libs.store.mirror import Mirror
from services.log_agent.cursors import Cursors
from services.log_agent.ends import Ends
from services.log_agent.follower import Follower, Parts
from services.log_agent.followers import Followers
from services.log_agent.logger_client import LoggerClient, LoggerForgot
from services.log_agent.loggers import Loggers
from services.log_agent.patience import until_answered
from services.log_agent.sender import Counts, Sender

log = structlog.get_logger("log_agent")


class LoggerMoved(Exception):
    """Another logger is the one now."""


@dataclass(eq=False)
class Shipping:
    """What is read for a logger's boot lives and ends with it: another boot is asked anew for what it knows."""

    session: aiohttp.ClientSession
    token: str
    logs: Logs
    instances: Mirror[Instance]
    loggers: Loggers
    cursors: Cursors
    ends: Ends
    counts: Counts
    refill: int  # lines
    stall_seconds: float
    boot: str = ""  # of the logger that is shipped to now

    def __post_init__(self) -> None:
        self._followers: Followers | None = None
        self.instances.on_change(lambda _: self._followers.wake() if self._followers else None)

    async def run(self) -> None:
        """For ever."""
        while True:
            member = await self.loggers.one()
            client = LoggerClient(self.session, member.url, self.token)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._leave(member.url), name="look for another logger")
                    group.create_task(self._ship(client), name=f"ship to {member.url}")
            except* (LoggerForgot, LoggerMoved) as failures:
                log.info("begins anew", reasons=[str(failure) for failure in leaves(failures)])
            finally:
                self.boot, self._followers = "", None

    async def _leave(self, url: str) -> None:
        member = await self.loggers.other_than(url)
        raise LoggerMoved(f"the logger is at {member.url} now")

    async def _ship(self, client: LoggerClient) -> None:
        boot = await until_answered(client.boot)
        await self.instances.wait_complete()
        self.cursors.forget_others({instance.id for _, instance in self.instances.items()})
        log.info("ships to a logger", url=client.url, boot=boot)
        sender = Sender(client, boot, self.counts, self._arrived)
        parts = Parts(
            logs=self.logs,
            client=client,
            cursors=self.cursors,
            ends=self.ends,
            counts=self.counts,
            ready=sender.ready,
            refill=self.refill,
            stall_seconds=self.stall_seconds,
        )
        self._followers = Followers(self.instances, lambda instance: Follower(instance, parts))
        self.boot = boot
        async with asyncio.TaskGroup() as group:
            group.create_task(sender.run(), name="send lines")
            group.create_task(self._followers.run(self.cursors.forget), name="keep followers")

    def _arrived(self, frame: Frame) -> None:
        self.cursors.set(frame.header.instance, frame.header.position)
