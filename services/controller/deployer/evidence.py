"""What each instance of a rollout went through: when each fact was first seen, and what was found. Pure.

An instance that leaves is told of in one record, and that goes on being filled, settled or not, until the instance has
stopped. A fact that another clock dates is given that date where it fits, else the time of the look that first saw it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from libs.engine import Instance
from libs.keyspace.records import Health, InstanceEvidence, Planned, Retiring, Rollout, RouterEvidence
from services.controller.deployer.draining import WITHDRAWN, flight, may_stop
from services.controller.deployer.view import UP, View, title

KEPT = 64  # instances in a record: of more, those that failed and the latest


def with_evidence(view: View, record: Rollout) -> Rollout:
    """The record of the wanted release, with what is seen of those that come and those that leave."""
    found = dict(record.instances)
    for entry in record.planned:
        if not entry.established:
            new = InstanceEvidence(title=f"{entry.type}.{entry.number}", release=record.release, planned=entry.planned)
            found[entry.id] = _coming(view, entry, found.get(entry.id, new))
    others = [filed.document for number, filed in view.rollouts.items() if number != record.release]
    for id_ in view.retiring:
        instance = view.here.get(id_)
        if id_ not in found and instance is not None and not any(_tells_of(other, id_) for other in others):
            identity = instance.identity
            found[id_] = InstanceEvidence(title=title(instance), release=identity.release, started=instance.started)
    return _filled(view, record, found, found)


def with_leavers(view: View, record: Rollout) -> Rollout:
    """The record of another release: only those that leave, and whose leaving it tells of."""
    return _filled(view, record, dict(record.instances), {id_ for id_ in record.instances if _tells_of(record, id_)})


def _tells_of(record: Rollout, id_: str) -> bool:
    """An instance that left in a rollout, or came in one that was not done, is told of to its end in that one."""
    seen = record.instances.get(id_)
    return seen is not None and (seen.retired is not None or record.phase != "done")


def _filled(view: View, record: Rollout, found: dict[str, InstanceEvidence], told: Collection[str]) -> Rollout:
    for id_, seen in found.items():
        leaves = seen.retired is not None or id_ in view.retiring
        if leaves and seen.stopped is None and id_ in told:
            found[id_] = _leaving(view, id_, seen)
    kept = found if len(found) <= KEPT else _foremost(found)
    return record if kept == record.instances else record.changed(instances=kept)


def _foremost(found: Mapping[str, InstanceEvidence]) -> dict[str, InstanceEvidence]:
    def rank(id_: str) -> tuple[bool, float, str]:
        seen = found[id_]
        failed = seen.planned is not None and seen.ready is None and bool(seen.probe)
        latest = seen.retired or seen.planned
        return failed, latest.timestamp() if latest else 0.0, id_

    return {id_: found[id_] for id_ in sorted(sorted(found, key=rank, reverse=True)[:KEPT])}


def _coming(view: View, entry: Planned, seen: InstanceEvidence) -> InstanceEvidence:
    """What is known of an instance on its way up."""
    instance = view.here.get(entry.id)
    if instance is None:
        return seen
    node = view.nodes.get(entry.id, seen.node)
    seen = seen.changed(node=node, started=seen.started or instance.started)
    verdict = view.verdict(instance)
    if verdict is not None and seen.ready is None:
        seen = _probed(view, seen, instance, verdict)
    if entry.id in view.retiring or instance.port is None:
        return seen
    routers = dict(seen.routers)
    for router in view.routers:
        word, told = router.instances.get(entry.id), routers.get(router.id, RouterEvidence())
        if word is not None and word.state == "in_rotation" and told.routed is None:
            routers[router.id] = told.changed(routed=view.now)
    everywhere = view.ready(instance) and not view.without(instance)
    return seen.changed(routers=routers, routed=seen.routed or (view.now if everywhere else None))


def _probed(view: View, seen: InstanceEvidence, instance: Instance, verdict: Health) -> InstanceEvidence:
    """What its checks have shown so far."""
    ready = None
    if view.ready(instance):
        fits = seen.started is not None and seen.started <= verdict.since <= view.now
        ready = verdict.since if fits else view.now
    return seen.changed(
        ready=ready,
        probes=verdict.probes,
        took_seconds=verdict.took_seconds,
        probe=verdict.before if verdict.ready else verdict.live_reason or verdict.reason,
    )


def _leaving(view: View, id_: str, seen: InstanceEvidence) -> InstanceEvidence:
    """What is known of an instance on its way out."""
    node, record = view.retiring.get(id_, (seen.node, None))
    if record is not None:
        seen = seen.changed(node=node, reason=record.reason, retired=record.since)
    instance = view.here.get(id_)
    if instance is None or instance.state not in UP or record is None:
        ended = instance.finished if instance else None
        return seen.changed(stopped=ended if ended and _fits(seen, ended, view) else view.now)
    return seen if instance.port is None else _draining(view, instance, record, seen)


def _draining(view: View, instance: Instance, record: Retiring, seen: InstanceEvidence) -> InstanceEvidence:
    routers = dict(seen.routers)
    for router in view.routers:
        word, told = router.instances.get(instance.identity.id), routers.get(router.id, RouterEvidence())
        if word is None or word.state not in WITHDRAWN:
            continue
        gone = view.now if word.state == "gone" else None
        told = told.changed(withdrawn=told.withdrawn or view.now, gone=told.gone or gone)
        routers[router.id] = told
    left = flight(view, instance)
    seen = seen.changed(routers=routers, drained=seen.drained or (view.now if left.gone else None))
    if seen.in_flight is None and left.heard and may_stop(view, instance, record):
        return seen.changed(in_flight=left.requests + left.websockets, websockets=left.websockets)
    return seen


def _fits(seen: InstanceEvidence, when: datetime, view: View) -> bool:
    return (seen.retired is None or seen.retired <= when) and when <= view.now
