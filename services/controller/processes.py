"""What `ps` shows: the containers of an app, from what the nodes report and what the deployer has planned."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from libs.keyspace.records import Health, Instance, Rollout

State = Literal["initialized", "created", "up", "down", "destroyed", "crashed", "error"]

_NAMESPACE = uuid.UUID("5d6c3d0c-2f1e-5a52-9f0b-6f6d8e1b7a11")


@dataclass(frozen=True)
class Process:
    """One container, as v1 told of it."""

    id: str
    type: str
    number: int
    release: int
    state: State
    created: datetime
    updated: datetime

    @property
    def uuid(self) -> str:
        """v1 gave every container a uuid; here it is made from the id, which is never used twice."""
        return str(uuid.uuid5(_NAMESPACE, self.id))


def state_of(instance: Instance, verdict: Health | None) -> State:
    """v1's state of an instance. A missing verdict is unknown, so the engine's word stands alone."""
    match instance.state:
        case "created":
            return "created"
        case "running":
            if verdict is None or verdict.run != instance.started or verdict.ready:
                return "up"
            return "down" if verdict.started else "created"
        case "restarting":
            return "crashed"
        case "exited":
            return "crashed" if instance.exit_code else "down"
        case "dead":
            return "error"


def processes(
    instances: Iterable[Instance],
    health: Mapping[str, Health],
    rollouts: Iterable[Rollout],
    leaving: Collection[str],
    otherwise: datetime,
) -> list[Process]:
    """An app's containers, oldest first. Those that are `leaving` (being retired, by id) are not shown.

    `otherwise` stands for a time that nobody recorded.
    """
    rolling = list(rollouts)
    plans = {planned.id: planned for rollout in rolling for planned in rollout.planned}
    found = {}
    for instance in instances:
        born = plans[instance.id].planned if instance.id in plans else instance.started or otherwise
        latest = max(time for time in (born, instance.started, instance.finished) if time is not None)
        state = state_of(instance, health.get(instance.id))
        found[instance.id] = Process(instance.id, instance.type, instance.number, instance.release, state, born, latest)
    for rollout in rolling:
        for planned in rollout.planned if not rollout.settled else ():
            begun = Process(
                planned.id,
                planned.type,
                planned.number,
                rollout.release,
                "initialized",
                planned.planned,
                planned.planned,
            )
            found.setdefault(planned.id, begun)
    shown = [process for process in found.values() if process.id not in leaving]
    return sorted(shown, key=lambda process: (process.created, process.type, process.number))
