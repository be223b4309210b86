"""Which instances that nobody plans may retire now: never one whose place is not taken. Pure.

One that serves retires once as many others serve as are wanted. Where that cannot be had (others are out of order, or
the bound leaves no place for a new one), its own successor's serving is enough. In place one retires first, while all
others of its type serve.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from libs.engine import Instance
from libs.keyspace.records import Rollout
from services.controller.deployer.crew import Crew
from services.controller.deployer.endings import IN_PLACE, retire
from services.controller.deployer.intentions import Intentions
from services.controller.deployer.serving import (
    counts_on,
    is_unproven,
    never_served,
    outcome,
    pending,
    satisfied,
    serving,
)
from services.controller.deployer.slots import Slot
from services.controller.deployer.view import View

HAD_ITS_TIME = "its successor had its time"  # what a reason ends with where nobody may serve in its place


@dataclass
class _Scene:
    """One look's surplus. `relied` is who serves beyond doubt, `retired` who goes in this look."""

    view: View
    draft: Rollout
    crew: Crew
    relied: dict[str, str]  # type by instance id
    wanted: dict[str, int] = field(default_factory=dict)
    retired: set[str] = field(default_factory=set)

    def others(self, instance: Instance) -> int:
        """How many others of its type serve."""
        type_ = instance.identity.type
        return sum(of == type_ and id_ != instance.identity.id for id_, of in self.relied.items())

    def enough(self, instance: Instance) -> bool:
        """As many others serve as are wanted."""
        return self.others(instance) >= self.wanted[instance.identity.type]

    def rivals(self, instance: Instance) -> list[Instance]:
        """Others in its slot that nobody plans either, and that may serve."""
        mates = self.crew.surplus_in[_slot(instance)]
        gone = self.retired | {instance.identity.id}
        return [mate for mate in mates if mate.identity.id not in gone and not self.view.unready(mate)]

    def succeeded(self, instance: Instance) -> bool:
        """What is planned in its slot serves."""
        return serving(self.view, self.crew.current.get(_slot(instance)))

    def replaced(self, instance: Instance) -> str:
        """Why it goes, in words."""
        same = instance.identity.release == self.draft.release
        return "restarted" if same else f"replaced by v{self.draft.release}"

    @property
    def due(self) -> datetime:
        """When those that were there before have had the time that a new one has."""
        return self.draft.since + timedelta(seconds=self.view.app.settings.startup_limit_seconds)


def leave(
    view: View, draft: Rollout, crew: Crew, tight: Mapping[str, str], out: Intentions
) -> tuple[list[Instance], str]:
    """Retire who may go; returns who stays, and why the first of them goes in place, where one does."""
    relied = {id_: i.identity.type for id_, i in view.live.items() if counts_on(view, crew, i)}
    wanted: dict[str, int] = {}
    for type_, _ in crew.wanted:
        wanted[type_] = wanted.get(type_, 0) + 1
    scene = _Scene(view, draft, crew, relied, wanted)
    in_place = ""
    for instance in _in_order(view, crew.surplus):
        if reason := _reason(scene, instance, out):
            _retire(scene, instance, reason, out)
    for type_, why in tight.items():
        if not any(view.here[id_].identity.type == type_ for id_ in scene.retired):
            in_place = _make_room(scene, type_, why, out) or in_place
    return [i for i in crew.surplus if i.identity.id not in scene.retired], in_place


def _in_order(view: View, instances: Iterable[Instance]) -> list[Instance]:
    """Who is no use goes first, then who never was part of a success."""

    def rank(instance: Instance) -> tuple[bool, bool, int, int, str]:
        identity = instance.identity
        return (
            not view.unready(instance),
            not is_unproven(view, instance),
            identity.release,
            identity.number,
            identity.id,
        )

    return sorted(instances, key=rank)


def _retire(scene: _Scene, instance: Instance, reason: str, out: Intentions) -> None:
    retire(scene.view, out, instance, reason)
    scene.retired.add(instance.identity.id)
    scene.relied.pop(instance.identity.id, None)


def _reason(scene: _Scene, instance: Instance, out: Intentions) -> str:
    """Why it retires now; empty while it stays."""
    view, draft = scene.view, scene.draft
    slot, own = _slot(instance), instance.identity.release == draft.release
    planned = any(entry.id == instance.identity.id for entry in draft.planned)
    if not planned and never_served(view, instance) and is_unproven(view, instance):
        return outcome(view, instance.identity.release)
    if slot[0] not in scene.wanted:
        if own:
            return "scaled down"
        served = all(satisfied(view, scene.crew.current.get(wanted)) for wanted in scene.crew.wanted)
        return f"v{draft.release} does not run {slot[0]}" if served else ""
    what = _what_becomes_of(scene, instance)
    if view.unready(instance):
        return what if _is_no_use(scene, instance) else ""
    return what if _is_made_up_for(scene, instance) else _had_its_time(scene, instance, what, out)


def _what_becomes_of(scene: _Scene, instance: Instance) -> str:
    slot, own = _slot(instance), instance.identity.release == scene.draft.release
    if slot not in scene.crew.slots:
        return "scaled down"
    if own and slot in scene.crew.current and instance.identity.generation >= scene.view.app.generation(*slot):
        return "a duplicate"
    return scene.replaced(instance)


def _is_made_up_for(scene: _Scene, instance: Instance) -> bool:
    """Others serve in its place: as many as are wanted, or its own successor where no more are to come."""
    slot = _slot(instance)
    if slot not in scene.crew.slots:
        return scene.enough(instance)
    if not scene.succeeded(instance):
        return False
    return scene.enough(instance) or (_is_complete(scene, slot[0]) and not scene.rivals(instance))


def _is_no_use(scene: _Scene, instance: Instance) -> bool:
    """It is unready, and its slot is not wanted, or somebody else's by now."""
    slot, crew = _slot(instance), scene.crew
    entry = crew.current.get(slot)
    if slot not in crew.slots or any(scene.view.ready(rival) for rival in scene.rivals(instance)):
        return True
    return entry is not None and (entry.established or scene.succeeded(instance))


def _is_complete(scene: _Scene, type_: str) -> bool:
    """Nothing of the type is missing, or on its way up."""
    return not pending(scene.view, scene.crew, type_) and not any(slot[0] == type_ for slot in scene.crew.missing)


def _had_its_time(scene: _Scene, instance: Instance, what: str, out: Intentions) -> str:
    """Its successor ran before and is not judged: when its time is over, a peer's serving is enough."""
    if not _is_complete(scene, instance.identity.type):
        return ""
    if scene.view.now < scene.due:
        out.look_at(scene.due)
        return ""
    peers = (peer for slot, peer in scene.crew.current.items() if slot[0] == instance.identity.type)
    return f"{what}; {HAD_ITS_TIME}" if any(serving(scene.view, peer) for peer in peers) else ""


def _make_room(scene: _Scene, type_: str, in_place: str, out: Intentions) -> str:
    """Retire one instance of a type of which no new one can be started; why in place, if that was it."""
    view, crew = scene.view, scene.crew
    least = scene.wanted[type_] - bool(in_place)
    ready = sum(view.ready(i) and i.identity.type == type_ for i in view.live.values())
    late = view.now >= scene.due and ready > least

    def may_go(instance: Instance) -> bool:
        if view.unready(instance) or scene.others(instance) >= least:
            return True
        return late or (scene.succeeded(instance) and not scene.rivals(instance))

    def rank(instance: Instance) -> tuple[bool, bool, bool, bool]:
        """Who is no use; who is in excess anyway; then in the order in which successors are started."""
        slot = _slot(instance)
        in_excess = slot not in crew.slots or bool(scene.rivals(instance))
        return not view.unready(instance), not scene.succeeded(instance), slot not in crew.current, not in_excess

    surplus = [instance for instance in _in_order(view, crew.surplus) if instance.identity.type == type_]
    for instance in sorted(surplus, key=rank):
        if may_go(instance):
            fewer = not view.unready(instance) and not scene.enough(instance)
            gives_way = bool(in_place) and (fewer or _slot(instance) in crew.missing)
            words = scene.replaced(instance)
            _retire(scene, instance, f"{words} {IN_PLACE}" if gives_way else words, out)
            return in_place if gives_way else ""
    out.look_at(max(scene.due, view.now + view.policy.retry))
    return ""


def _slot(instance: Instance) -> Slot:
    return (instance.identity.type, instance.identity.number)
