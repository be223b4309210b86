"""The instances of the wanted release: those planned, those missing, those in excess. Pure.

The crew is what `Rollout.planned` becomes: an entry stays in it from the moment it is decided on until its instance is
retired or gone. Everything else that the engine has of the app is surplus.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from libs.engine import Identity, Instance
from libs.keyspace.records import InstanceEvidence, Planned, Rollout
from services.controller.deployer.endings import IN_PLACE
from services.controller.deployer.slots import Slot, wanted_counts, wanted_numbers
from services.controller.deployer.view import View, checks_of

CLOCKS_APART = timedelta(seconds=5)


@dataclass(frozen=True)
class Crew:
    """Who is there for a release's wanted slots."""

    wanted: tuple[Slot, ...]
    current: Mapping[Slot, Planned]  # of the wanted generation
    stale: tuple[Planned, ...]  # of the release, yet asked to restart
    surplus: tuple[Instance, ...]  # live ones that no current entry names, stale ones included

    @cached_property
    def slots(self) -> frozenset[Slot]:
        """The wanted slots, to be asked of one."""
        return frozenset(self.wanted)

    @cached_property
    def surplus_in(self) -> dict[Slot, list[Instance]]:
        """The surplus, by slot."""
        found: dict[Slot, list[Instance]] = {}
        for instance in self.surplus:
            found.setdefault((instance.identity.type, instance.identity.number), []).append(instance)
        return found

    @property
    def missing(self) -> list[Slot]:
        """The wanted slots that nothing is planned for."""
        return [slot for slot in self.wanted if slot not in self.current]

    @property
    def entries(self) -> tuple[Planned, ...]:
        """What the record's `planned` should be."""
        return in_order((*self.current.values(), *self.stale))


def in_order(entries: Iterable[Planned]) -> tuple[Planned, ...]:
    """Entries as the record lists them."""
    return tuple(sorted(entries, key=lambda entry: (entry.type, entry.number, entry.id)))


def muster(view: View, draft: Rollout) -> Crew:
    """Sort out who is there. An entry whose instance ran and is gone, or is retiring, is dropped."""
    assert view.build is not None
    entries = [mark_running(view, entry) for entry in draft.planned if not _over(view, entry)]
    known = {entry.id for entry in entries}
    known |= draft.instances.keys()  # those that were planned and are not: what is left of a failed attempt
    newcomers = [i for i in view.live.values() if i.identity.release == draft.release and i.identity.id not in known]
    wanted = _wanted(view, draft)
    slots = frozenset(wanted)
    current: dict[Slot, Planned] = {}
    stale: list[Planned] = []
    for entry in sorted(entries, key=lambda entry: (not entry.established, entry.planned, entry.id)):
        slot = (entry.type, entry.number)
        if slot not in slots:
            continue
        if entry.generation < view.app.generation(*slot):
            if entry.id in view.live:
                stale.append(entry)
        elif slot not in current:
            current[slot] = entry
    for instance in sorted(newcomers, key=lambda instance: instance.identity.id):
        slot = (instance.identity.type, instance.identity.number)
        fresh_enough = instance.identity.generation >= view.app.generation(*slot)
        if slot in slots and slot not in current and fresh_enough and instance.state in {"running", "created"}:
            current[slot] = adopted(view, draft, instance)
    ids = {entry.id for entry in current.values()}
    surplus = tuple(instance for id_, instance in sorted(view.live.items()) if id_ not in ids)
    return Crew(wanted, current, tuple(stale), surplus)


def former(view: View, draft: Rollout, crew: Crew, empty: Collection[Slot]) -> list[Planned]:
    """Entries that are over and whose slots nobody holds yet: they stay in the record, so that the number does.

    One whose instance vanished before the record had seen it run gets a deadline, so that no later leader starts it.
    """
    held = {entry.id for entry in crew.entries}
    found = {(entry.type, entry.number): entry for entry in draft.planned if entry.id not in held}
    kept = [entry for slot, entry in found.items() if slot in empty]
    return [entry if entry.id in view.here else entry.changed(deadline=entry.deadline or view.now) for entry in kept]


def entry_for(view: View, release: int, slot: Slot, id_: str) -> Planned:
    """A new entry; its instance does not exist yet."""
    type_, number = slot
    generation = view.app.generation(type_, number)
    identity = Identity(id_, view.app.id, view.app.uuid, type_, number, release, generation)
    return Planned(id=id_, name=identity.name, type=type_, number=number, generation=generation, planned=view.now)


def adopted(view: View, draft: Rollout, instance: Instance) -> Planned:
    """An entry for an instance that runs without one: the record was lost, or its start came late."""
    identity = instance.identity
    entry = Planned(
        id=identity.id,
        name=instance.name,
        type=identity.type,
        number=identity.number,
        generation=identity.generation,
        planned=instance.started or view.now,
        established=draft.release not in view.rollouts,
    )
    return mark_running(view, entry)


def mark_running(view: View, entry: Planned) -> Planned:
    """The entry with its deadline, once its container runs: the startup limit counts from there."""
    instance = view.here.get(entry.id)
    if entry.deadline is not None or instance is None or instance.started is None:
        return entry
    readiness = checks_of(instance).readiness
    patience = startup_seconds(view, instance) + (readiness.initial_delay_seconds if readiness else 0.0)
    return entry.changed(deadline=instance.started + timedelta(seconds=patience))


def startup_seconds(view: View, instance: Instance) -> float:
    """How long it may take to come up: what its startup check gives it, else the app's limit."""
    startup = checks_of(instance).startup
    if startup is None:
        return view.app.settings.startup_limit_seconds
    return startup.initial_delay_seconds + startup.period_seconds * startup.failure_threshold


def _over(view: View, entry: Planned) -> bool:
    """Its instance is on its way out, or ran once and is gone. One that was never seen is still to start."""
    return entry.id in view.retiring or vanished(view, entry)


def vanished(view: View, entry: Planned) -> bool:
    """The engine had it, and has it no more."""
    if entry.id in view.here or f"instance/{entry.id}" in view.busy:
        return False
    return entry.deadline is not None or entry.id in view.tried


def retired_for(draft: Rollout) -> list[tuple[Slot, InstanceEvidence]]:
    """Whom this rollout has retired, by its evidence: it may be that nothing else is left of them.

    Not those of an earlier attempt of the release; the clock that says when this one was asked for may be another.
    """
    since = draft.asked - CLOCKS_APART if draft.asked else None
    found = []
    for seen in draft.instances.values():
        if seen.retired is not None and (since is None or seen.retired >= since):
            type_, _, number = seen.title.rpartition(".")
            found.append(((type_, int(number)), seen))
    return found


def _wanted(view: View, draft: Rollout) -> tuple[Slot, ...]:
    """The wanted slots; numbers that are there, of any release, or that vanished, are kept; the highest go first.

    So are those that make room for their successors.
    """
    assert view.build is not None
    taken: dict[str, set[int]] = {}
    serving: dict[str, set[int]] = {}
    for entry in draft.planned:
        taken.setdefault(entry.type, set()).add(entry.number)
    gone = retired_for(draft)
    for type_, number in (slot for slot, seen in gone if seen.reason.endswith(IN_PLACE)):
        taken.setdefault(type_, set()).add(number)
    for id_, instance in view.here.items():
        if id_ in view.retiring and not view.retiring[id_][1].reason.endswith(IN_PLACE):
            continue
        taken.setdefault(instance.identity.type, set()).add(instance.identity.number)
        if view.ready(instance):
            serving.setdefault(instance.identity.type, set()).add(instance.identity.number)
    counts = wanted_counts(view.app.formation, view.build)
    return tuple(
        (type_, number)
        for type_, count in counts.items()
        for number in wanted_numbers(count, taken.get(type_, ()), serving.get(type_, ()))
    )
