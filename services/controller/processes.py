"""What `ps` shows: the containers of an app, from what the nodes report and what the deployer has planned."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from libs.keyspace.records import Alarm, Health, Instance, Planned, Rollout

State = Literal["initialized", "created", "up", "down", "destroyed", "crashed", "error"]

_NAMESPACE = uuid.UUID("5d6c3d0c-2f1e-5a52-9f0b-6f6d8e1b7a11")


@dataclass(frozen=True)
class Process:
    """One container, as v1 told of it; and whether it is ready (None: nobody knows), else why not."""

    id: str
    type: str
    number: int
    release: int
    state: State
    created: datetime
    updated: datetime
    ready: bool | None = False
    reason: str = ""
    last_lines: tuple[str, ...] = ()

    @property
    def uuid(self) -> str:
        """v1 gave every container a uuid; here it is made from the id, which is never used twice."""
        return str(uuid.uuid5(_NAMESPACE, self.id))


def state_of(instance: Instance, verdict: Health | None, *, proven: bool) -> State:
    """v1's state of an instance; `proven`: it was part of a success.

    A missing verdict is unknown: then what was proven once is up by the engine's word, and what is new is on its way.
    """
    match instance.state:
        case "created":
            return "created"
        case "running":
            return _running(verdict if verdict is not None and verdict.run == instance.started else None, proven=proven)
        case "restarting":
            return "crashed"
        case "exited":
            return "crashed" if instance.exit_code else "down"
        case "dead":
            return "error"


def _running(verdict: Health | None, *, proven: bool) -> State:
    if verdict is None:
        return "up" if proven else "created"
    if verdict.ready:
        return "up"
    return "down" if verdict.started and proven else "created"


def _readiness(instance: Instance, verdict: Health | None) -> tuple[bool | None, str]:
    """Whether it is ready, and why not."""
    if instance.state != "running":
        code = "" if instance.exit_code is None else f"exited with code {instance.exit_code}"
        return False, instance.reason or (code if instance.state != "created" else "")
    if verdict is None or verdict.run != instance.started:
        return None, ""
    if not verdict.live:
        return verdict.ready, verdict.live_reason or verdict.reason
    return verdict.ready, "" if verdict.ready else verdict.reason


def _process(
    instance: Instance, verdict: Health | None, alarm: Alarm | None, plan: Planned | None, otherwise: datetime
) -> Process:
    born = plan.planned if plan is not None else instance.started or otherwise
    proven = plan is None or plan.established
    ready, reason = _readiness(instance, verdict)
    latest = max(time for time in (born, instance.started, instance.finished) if time is not None)
    return Process(
        id=instance.id,
        type=instance.type,
        number=instance.number,
        release=instance.release,
        state="crashed"
        if alarm is not None and alarm.kind == "crashed"
        else state_of(instance, verdict, proven=proven),
        created=born,
        updated=latest,
        ready=ready,
        reason=alarm.message if alarm is not None else reason,
        last_lines=alarm.last_lines if alarm is not None else (),
    )


def processes(  # noqa: PLR0913 - what is known of an app, by kind
    instances: Iterable[Instance],
    health: Mapping[str, Health],
    rollouts: Iterable[Rollout],
    leaving: Collection[str],
    otherwise: datetime,
    *,
    alarms: Mapping[str, Alarm],
) -> list[Process]:
    """An app's containers, oldest first. Those that are `leaving` (being retired, by id) are not shown.

    `otherwise` stands for a time that nobody recorded; `alarms` are by instance id.
    """
    rolling = list(rollouts)
    plans = {planned.id: planned for rollout in rolling for planned in rollout.planned}
    found = {}
    for instance in instances:
        id_ = instance.id
        found[id_] = _process(instance, health.get(id_), alarms.get(id_), plans.get(id_), otherwise)
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
