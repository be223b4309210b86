"""Who is there: the engine's list read as instances, with an inspection only of those that may have changed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.engine.drivers.docker.uptime import foretold
from libs.engine.drivers.docker.wire import Refusal, Wire
from libs.engine.engine import Instance, Population, State, Stranger
from libs.engine.errors import EngineUnavailable
from libs.engine.labels import PLATFORM, BadLabels, Labelled, read

AT_ONCE = 8  # inspections under way together

# A remembered inspection is used for so long, and not if the container had only just begun then. Within these bounds
# the list's words cannot hide a new start: its uptime is told in seconds, and is at least so many short of the old one.
REMEMBERED_SECONDS = 50.0
YOUNG_SECONDS = 5.0

STATES: dict[str, State] = {
    "created": "created",
    "running": "running",
    "paused": "running",
    "restarting": "restarting",
    "exited": "exited",
    "removing": "dead",
    "dead": "dead",
}


@dataclass(frozen=True, slots=True)
class Sighting:
    """An instance as it was inspected, and when."""

    instance: Instance
    at: float  # seconds since the epoch, as the engine's own times
    told: int = 0  # how many events had told of it

    def holds(self, state: str, status: str, now: float) -> bool:
        """Whether the list's row says that nothing happened since."""
        seen = self.instance
        since = seen.started if state == "running" else seen.finished
        if state != seen.state or since is None or not 0 <= now - self.at < REMEMBERED_SECONDS:
            return False
        began = since.timestamp()
        if self.at - began < YOUNG_SECONDS:
            return False
        return foretold(status, state=state, seconds=now - began, exit_code=seen.exit_code)


class Census:
    """The population of one platform on one engine. An idle look costs one request."""

    def __init__(self, wire: Wire, platform: str, network: str) -> None:
        self._wire = wire
        self._platform = platform
        self._network = network
        self._sightings: dict[str, Sighting] = {}  # by container id
        self._told: dict[str, int] = {}  # how many events told of a container, by id
        self._exits: dict[str, int] = {}  # the last that was seen, by container id: the engine forgets it

    async def population(self) -> Population:
        """Everything that carries the label. Raises `EngineUnavailable`: then nothing is known of anybody."""
        query = {"all": True, "filters": {"label": [f"{PLATFORM}={self._platform}"]}}
        try:
            rows = await self._wire.ask("GET", "containers/json", query=query)
        except Refusal as refusal:
            raise EngineUnavailable(f"the engine would not list its containers: {refusal}") from refusal
        strangers: list[Stranger] = []
        known: dict[str, tuple[dict[str, Any], Labelled]] = {}
        for row in rows:
            try:
                known[row["Id"]] = row, read(row["Labels"])
            except BadLabels as error:
                strangers.append(Stranger(name_of(row), str(error)))
        await self._look_at(known)
        for gone in self._sightings.keys() - known.keys():
            del self._sightings[gone]
            self._exits.pop(gone, None)
            self._told.pop(gone, None)
        there = [self._sightings[id_].instance for id_ in known if id_ in self._sightings]
        return Population(tuple(sorted(there, key=lambda seen: seen.name)), tuple(strangers))

    def told(self, container_id: str) -> None:
        """An event told of it: what was seen before does not hold, nor does the list, which the engine updates last."""
        if container_id in self._sightings:
            self._told[container_id] = self._told.get(container_id, 0) + 1

    def exited(self, container_id: str, code: int) -> None:
        """An event told this exit code."""
        if container_id in self._sightings:
            self._exits[container_id] = code

    async def _look_at(self, known: dict[str, tuple[dict[str, Any], Labelled]]) -> None:
        """Inspect those whose row does not say that they are as they were."""
        now = time.time()
        turn = asyncio.Semaphore(AT_ONCE)
        failures: list[EngineUnavailable] = []  # told as one, and not as a group of tasks' failures

        async def look(id_: str, labelled: Labelled) -> None:
            try:
                async with turn:
                    told = self._told.get(id_, 0)
                    found = await self._inspect(id_)
            except EngineUnavailable as error:
                failures.append(error)
                return
            if found is None:  # it went in between
                self._sightings.pop(id_, None)
                return
            state = found["State"]
            if STATES.get(state["Status"]) in {"exited", "restarting"}:
                self._exits[id_] = state["ExitCode"]
            self._sightings[id_] = Sighting(
                as_instance(found, labelled, network=self._network, last_exit=self._exits.get(id_)), now, told
            )

        async with asyncio.TaskGroup() as group:
            for id_, (row, labelled) in known.items():
                sighting = self._sightings.get(id_)
                heard = sighting is not None and sighting.told != self._told.get(id_, 0)
                if sighting is None or heard or not sighting.holds(row["State"], row["Status"], now):
                    group.create_task(look(id_, labelled), name=f"inspect {id_[:12]}")
        if failures:
            raise failures[0]

    async def _inspect(self, id_: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = await self._wire.ask("GET", f"containers/{id_}/json")
        except Refusal as refusal:
            if refusal.status == 404:
                return None
            raise EngineUnavailable(f"the engine would not show container {id_}: {refusal}") from refusal
        return found


def name_of(row: dict[str, Any]) -> str:
    """A listed container's name; the engine writes it with a slash."""
    names = row.get("Names") or [row["Id"][:12]]
    return str(names[0]).removeprefix("/")


def address_of(networks: dict[str, Any] | None, network: str) -> str | None:
    """The address that a container has for its whole life, running or not."""
    endpoint = (networks or {}).get(network) or {}
    return (endpoint.get("IPAMConfig") or {}).get("IPv4Address") or endpoint.get("IPAddress") or None


def as_instance(found: dict[str, Any], labelled: Labelled, *, network: str, last_exit: int | None) -> Instance:
    """An inspected container as an instance."""
    state = found["State"]
    kind = STATES.get(state["Status"], "dead")
    ended = kind in {"exited", "restarting", "dead"}
    return Instance(
        identity=labelled.identity,
        name=found["Name"].removeprefix("/"),
        state=kind,
        address=address_of(found["NetworkSettings"]["Networks"], network),
        port=labelled.port,
        checks=labelled.checks,
        memory=labelled.memory,
        image=found["Config"]["Image"],
        restarts=found["RestartCount"],
        exit_code=state["ExitCode"] if ended else last_exit,
        reason=_reason(state) if kind != "running" else "",
        started=_moment(state["StartedAt"]),
        finished=_moment(state["FinishedAt"]) if ended else None,
        once=labelled.once,
        until=labelled.until,
    )


def _reason(state: dict[str, Any]) -> str:
    if state["OOMKilled"]:
        return "out of memory"
    if state["Error"]:
        return str(state["Error"])
    if state["Status"] == "created":
        return ""
    code: int = state["ExitCode"]
    return f"killed by signal {code - 128}" if code > 128 else f"exited with code {code}"


def _moment(text: str) -> datetime | None:
    """A time as the engine writes it; year 1 means never."""
    return None if text.startswith("0001-") else datetime.fromisoformat(text)
