"""The course of a rollout as an answer tells it: where it is, what it waits for, and the evidence. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from libs.keyspace.records import Alarm, App, Evidence, InstanceEvidence, Release, Rollout, RouterEvidence
from services.controller.outlines import Outline
from services.controller.shapes import Shape

NOT_BEGUN = "the deployer to begin"


@dataclass(frozen=True)
class Stage:
    """Where a release's rollout is. `phase` is None for one that never had a rollout and is to have none."""

    phase: str | None
    waiting: str = ""

    @property
    def over(self) -> bool:
        """Nothing more comes of it, unless something else is wanted."""
        return self.phase in {None, "done", "failed", "superseded", "cancelled"}


def stage(app: App, release: Release | None, rollout: Rollout | Outline | None) -> Stage:
    """The stage of a release; one that is wanted and has a build is under way before its record is there."""
    if rollout is not None:
        return Stage(rollout.phase, rollout.waiting)
    if release is not None and release.number == app.release and release.build is not None:
        return Stage("preparing", NOT_BEGUN)
    return Stage(None)


def time(at: datetime | None) -> str | None:
    """`2030-01-02T03:04:05.678901Z` (RFC 3339): what happens in a rollout lies less than a second apart."""
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def of_course(at: Stage, rollout: Rollout | None) -> Shape:
    """What one release tells beside what the list has."""
    course = sorted(rollout.instances.items(), key=_appearance) if rollout else []
    return {
        "phase": at.phase,
        "waiting": at.waiting,
        "in_place": rollout.in_place if rollout else "",
        "last_lines": [*rollout.last_lines] if rollout else [],
        "asked": time(rollout.asked) if rollout else None,
        "evidence": [of_evidence(one) for one in rollout.evidence] if rollout else [],
        "instances": [of_instance(id_, one) for id_, one in course],
    }


def _appearance(entry: tuple[str, InstanceEvidence]) -> tuple[str, str, str]:
    """Those that came by when they were planned, then those that only left."""
    id_, one = entry
    return time(one.planned) or "~", time(one.retired) or "~", id_


def of_evidence(evidence: Evidence) -> Shape:
    """A phase of a rollout that is over."""
    seconds = round((evidence.ended - evidence.began).total_seconds(), 3)
    return {"phase": evidence.phase, "began": time(evidence.began), "seconds": seconds, "note": evidence.note}


def of_instance(id_: str, one: InstanceEvidence) -> Shape:
    """The course of one instance."""
    return {
        "id": id_,
        "title": one.title,
        "release": one.release,
        "node": one.node,
        "planned": time(one.planned),
        "started": time(one.started),
        "ready": time(one.ready),
        "routed": time(one.routed),
        "probes": one.probes,
        "took_seconds": one.took_seconds,
        "probe": one.probe,
        "routers": {router: _of_router(word) for router, word in sorted(one.routers.items())},
        "reason": one.reason,
        "retired": time(one.retired),
        "drained": time(one.drained),
        "in_flight": one.in_flight,
        "websockets": one.websockets,
        "stopped": time(one.stopped),
    }


def _of_router(word: RouterEvidence) -> Shape:
    return {"routed": time(word.routed), "withdrawn": time(word.withdrawn), "gone": time(word.gone)}


def of_alarm(alarm: Alarm) -> Shape:
    """Something that is wrong with what runs."""
    return {
        "kind": alarm.kind,
        "about": alarm.about,
        "since": time(alarm.since),
        "message": alarm.message,
        "last_lines": [*alarm.last_lines],
    }


def of_app(at: Stage, release: int, rollout: Rollout | Outline | None) -> Shape:
    """What an app tells of what it runs: what is wrong, and the rollout that is under way."""
    alarms = sorted(rollout.alarms.values(), key=lambda alarm: (alarm.since, alarm.about)) if rollout else []
    under_way: Shape = {"release": f"v{release}", "phase": at.phase, "waiting": at.waiting}
    return {"alarms": [of_alarm(alarm) for alarm in alarms], "rollout": None if at.over else under_way}
