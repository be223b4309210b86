"""The record of the wanted release's rollout: new, taken up again for a new intent, or as it was. Pure."""

from __future__ import annotations

from libs.keyspace.records import Evidence, InstanceEvidence, Planned, Rollout
from services.controller.deployer.healing import restored
from services.controller.deployer.slots import wanted_counts
from services.controller.deployer.view import View

EVIDENCE_KEPT = 64  # phases, of a rollout that goes on through many intents
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
            asked=view.app.updated,
            fallback=release_to_go_back_to(view, None),
        )
    record = filed.document
    if record.asked == view.app.updated:  # the app's record changed, and asks for nothing else: a setting, its owner
        record = record.changed(intent=view.revision)
    if record.intent < view.revision:
        begun = reopened(view, record)
        return begun.changed(routers=routers, fallback=release_to_go_back_to(view, None))
    if record.settled:
        return record
    fallback = record.fallback if record.reason else release_to_go_back_to(view, record.fallback)
    return record.changed(epoch=view.epoch, routers=routers, fallback=fallback)


def reopened(view: View, record: Rollout) -> Rollout:
    """The record, begun again for the app's present intent.

    While it was settled nobody marked what ran: an entry that is not there and was never seen may have come and gone.
    One that was to replace an instance leaves that one in its place. Its evidence begins anew too, unless the app only
    came back to what ran all along: then that of its own deploy stays.
    """
    if record.settled:
        seen = [entry for entry in record.planned if entry.id in view.here or entry.deadline is not None]
        others = (restored(view, entry) for entry in record.planned if entry not in seen)
        kept = (*seen, *(entry for entry in others if entry is not None))
    elif record.reason:
        kept = established(record)
    else:
        kept = record.planned
    if record.settled and not _ran_all_along(view, record):
        record = record.changed(asked=view.app.updated, in_place="", evidence=(), instances=_unfinished(view, record))
    elif not record.settled:
        record = record.changed(asked=view.app.updated, in_place="", evidence=closed(view, record))
    return record.changed(
        intent=view.revision,
        epoch=view.epoch,
        phase="preparing",
        since=view.now,
        planned=kept,
        reason="",
        last_lines=(),
        waiting="",
    )


def _ran_all_along(view: View, record: Rollout) -> bool:
    """It was done, and has all that the app wants now: nothing of it is to be started or replaced."""
    if record.phase != "done" or view.build is None:
        return False
    counts: dict[str, int] = {}
    for entry in record.planned:
        if entry.id not in view.live or entry.generation < view.app.generation(entry.type, entry.number):
            return False
        counts[entry.type] = counts.get(entry.type, 0) + 1
    return counts == wanted_counts(view.app.formation, view.build)


def _unfinished(view: View, record: Rollout) -> dict[str, InstanceEvidence]:
    """The evidence of the last round that this one still needs: of who leaves, and of who was part of no success."""
    over = {entry.id for entry in established(record)} - view.retiring.keys()
    return {id_: seen for id_, seen in record.instances.items() if id_ in view.here and id_ not in over}


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


def release_to_go_back_to(view: View, before: int | None) -> int | None:
    """The release that a failure goes back to: an earlier one, the latest that ever succeeded, else the latest.

    It has an instance that is ready and live; or it had one `before`, and the rollout has stopped it since.
    """
    records = {number: filed.document for number, filed in view.rollouts.items()}

    def succeeded(number: int) -> bool:
        return number in records and records[number].succeeded is not None

    def fit(number: int) -> bool:
        failed = number in records and records[number].phase in {"failed", "cancelled"}
        return number < view.app.release and (succeeded(number) or not failed)

    ready = {i.identity.release for i in view.live.values() if view.ready(i) and not view.not_live(i)}
    found = {number for number in ready if fit(number)} | ({before} if before else set())
    return max(found, key=lambda number: (succeeded(number), number), default=None)
