"""Shipping: each app's lines to the logger that keeps the app; one shipment a logger."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog

from libs.keyspace.records import MeshMember
from libs.store.mirror import Mirror
from services.log_agent.loggers import Loggers
from services.log_agent.shipment import Desk, Mine, Shipment

log = structlog.get_logger("log_agent")


class Shipping:
    """Keeps a shipment for each logger, and tells them all to look again when loggers or instances change."""

    def __init__(self, loggers: Loggers, members: Mirror[MeshMember], desk: Desk) -> None:
        self._loggers = loggers
        self._members = members
        self._desk = desk
        self._woken = asyncio.Event()
        self._shipments: dict[str, tuple[Shipment, asyncio.Task[None]]] = {}  # by the logger's id
        self._started: dict[str, datetime] = {}  # when the process began that it named last, by the logger's id
        members.on_change(lambda _: self._woken.set())
        desk.instances.on_change(lambda _: self._woken.set())

    @property
    def boots(self) -> dict[str, str]:
        """The boot of each logger that is shipped to now, by its id."""
        return {id_: shipment.boot for id_, (shipment, _) in self._shipments.items() if shipment.boot}

    async def run(self) -> None:
        """For ever."""
        await self._members.wait_complete()
        await self._desk.instances.wait_complete()
        async with asyncio.TaskGroup() as group:
            while True:
                self._woken.clear()
                again = self._loggers.look()
                present = {instance.id for _, instance in self._desk.instances.items()}
                self._desk.cursors.forget_others(present | self._followed())
                self._keep(group)
                try:
                    async with asyncio.timeout(again):
                        await self._woken.wait()
                except TimeoutError:
                    pass

    def _followed(self) -> set[str]:
        return {id_ for shipment, _ in self._shipments.values() for id_ in shipment.followed}

    def _keep(self, group: asyncio.TaskGroup) -> None:
        """A shipment for each logger, at the URL that it has now; one that restarted is to be filled at once."""
        held = self._loggers.held
        for id_, (shipment, task) in list(self._shipments.items()):
            member = held.get(id_)
            if member is None or member.url != shipment.url:
                log.info("leaves a logger", logger=id_, url=shipment.url)
                task.cancel()
                del self._shipments[id_]
        for id_, member in held.items():
            if id_ not in self._shipments:
                shipment = Shipment(id_, member.url, self._desk, self._mine(id_))
                self._shipments[id_] = shipment, group.create_task(shipment.run(), name=f"ship to {id_}")
            shipment = self._shipments[id_][0]
            if self._started.get(id_) != member.started:
                self._started[id_] = member.started
                shipment.doubt()
            shipment.wake()

    def _mine(self, id_: str) -> Mine:
        return lambda instance: self._loggers.owner(instance.app_uuid) == id_
