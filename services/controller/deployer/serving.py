"""Who serves, by all that is known; and whose release never did. Pure."""

from __future__ import annotations

from libs.engine import Instance
from libs.keyspace.records import Planned
from services.controller.deployer.crew import Crew
from services.controller.deployer.slots import Slot
from services.controller.deployer.view import View


def serving(view: View, entry: Planned | None) -> bool:
    """Its instance is ready, and every router says that it has it in rotation."""
    instance = view.live.get(entry.id) if entry else None
    return instance is not None and view.ready(instance) and not view.without(instance)


def satisfied(view: View, entry: Planned | None) -> bool:
    """It serves, or an earlier rollout saw to that."""
    return entry is not None and (entry.established or serving(view, entry))


def pending(view: View, crew: Crew, type_: str | None = None) -> list[Slot]:
    """The slots whose instances are on their way up; of all types, or of one."""
    return [
        slot for slot, entry in sorted(crew.current.items()) if type_ in {None, slot[0]} and not satisfied(view, entry)
    ]


def counts_on(view: View, crew: Crew, instance: Instance) -> bool:
    """It may be counted as one that serves: it is ready, and routers have it, or had it and do not suspect it.

    Of those that are not in a running rollout routers say nothing: that they had them is in the records.
    """
    if not view.ready(instance) or view.suspected(instance):
        return False
    slot = (instance.identity.type, instance.identity.number)
    entry = crew.current.get(slot)
    if entry is not None and entry.id == instance.identity.id and not entry.established:
        return serving(view, entry)
    return instance.port is None or was_routed(view, instance)


def was_routed(view: View, instance: Instance) -> bool:
    """An earlier rollout succeeded with it, or saw it in rotation everywhere; without a record that is assumed.

    One that has not taken the place of another yet, or came in the place of one that vanished, is no part of that
    success: routers speak of it, and their word holds.
    """
    identity = instance.identity
    filed = view.rollouts.get(identity.release)
    if filed is None:
        return True
    entry = next((entry for entry in filed.document.planned if entry.id == identity.id), None)
    if entry is not None and entry.established:
        first = filed.document.succeeded
        later = identity.release == view.app.release and first is not None and entry.planned > first
        return not (entry.replaces or later) or not view.without(instance)
    seen = filed.document.instances.get(identity.id)
    return seen is not None and seen.routed is not None


def is_unproven(view: View, instance: Instance) -> bool:
    """Only a rollout that never succeeded has started it."""
    filed = view.rollouts.get(instance.identity.release)
    return filed is not None and filed.document.succeeded is None and not _established(view, instance)


def outcome(view: View, release: int) -> str:
    """What became of a rollout that is over, or of an earlier attempt of the wanted release: why its instances go."""
    filed, cancelled = view.rollouts.get(release), view.app.cancelled
    if release == view.app.release:
        return f"an earlier attempt of v{release} started it"
    phase = filed.document.phase if filed else ""
    if phase == "failed" or (filed is not None and filed.document.reason and not filed.document.settled):
        return f"v{release} failed"
    if phase == "cancelled" or (cancelled is not None and cancelled.release == release):
        return f"v{release} was cancelled"
    return f"superseded by v{view.app.release}"


def never_served(view: View, instance: Instance) -> bool:
    """Its present run has not passed its check so far, by all that is known."""
    verdict = view.verdict(instance) if instance.state == "running" else None
    return verdict is None or not (verdict.started or verdict.ready)


def _established(view: View, instance: Instance) -> bool:
    filed = view.rollouts.get(instance.identity.release)
    return filed is not None and any(
        entry.established for entry in filed.document.planned if entry.id == instance.identity.id
    )
