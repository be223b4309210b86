"""The record of the wanted release's rollout: new, taken up again for a new intent, or as it was. Pure."""

from __future__ import annotations

from libs.keyspace.records import Evidence, Planned, Rollout
from services.controller.deployer.view import View

EVIDENCE_KEPT = 64  # phases, of the latest rollouts of a release
PHASES = ("preparing", "starting", "routing", "retiring", "done")


def take_up(view: View) -> Rollout:
    """The draft that this look goes on from.

    A new intent of the app reopens a settled rollout, and a running one goes on from what is observed. A reopened
    rollout keeps what is not on its way out; one that was failing keeps only what an earlier success left.
    """
    filed = view.rollouts.get(view.app.release)
    routers = {router.id: router.node for router in view.routers}
    if filed is None:
        return Rollout(
            app=view.app.id,
            app_uuid=view.app.uuid,
            release=view.app.release,
            intent=view.revision,
            epoch=view.epoch,
            since=view.now,
            routers=routers,
        )
    record = filed.document
    if record.intent < view.revision:
        return reopened(view, record).changed(routers=routers)
    if record.settled:
        return record
    return record.changed(epoch=view.epoch, routers=routers)


def reopened(view: View, record: Rollout) -> Rollout:
    """The record, begun again for the app's present intent.

    While it was settled nobody marked what ran: an entry that is not there and was never seen may have come and gone.
    """
    if record.settled:
        kept = tuple(entry for entry in record.planned if entry.id in view.here or entry.deadline is not None)
    elif record.reason:
        kept = established(record)
    else:
        kept = record.planned
    return record.changed(
        intent=view.revision,
        epoch=view.epoch,
        phase="preparing",
        since=view.now,
        planned=kept,
        evidence=record.evidence if record.settled else closed(view, record),
        reason="",
        last_lines=(),
        waiting="",
    )


def established(record: Rollout) -> tuple[Planned, ...]:
    """The entries of rollouts of this release that succeeded."""
    return tuple(entry for entry in record.planned if entry.established)


def closed(view: View, record: Rollout) -> tuple[Evidence, ...]:
    """The evidence with the present phase at its end; one that took no time is none."""
    if record.since >= view.now:
        return record.evidence
    phase = Evidence(phase=record.phase, began=record.since, ended=view.now, note=record.waiting)
    return (*record.evidence, phase)[-EVIDENCE_KEPT:]


def moved_on(view: View, record: Rollout, phase: str) -> Rollout:
    """The record in this phase; within a rollout phases only go forward."""
    if record.settled or PHASES.index(phase) <= PHASES.index(record.phase):
        return record
    return record.changed(phase=phase, since=view.now, evidence=closed(view, record), waiting="")
