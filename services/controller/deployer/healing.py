"""Instances that are not live: each is replaced under a new id by one that serves before it goes. Pure.

The new entry names the old instance in `replaces`, and that is all the memory there is: the old one stands in until the
new one is ready and in rotation in every router. Where there is no room for both, the old one goes first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from libs.engine import Instance
from libs.keyspace.records import Planned
from services.controller.deployer.crew import entry_for, in_order, mark_running
from services.controller.deployer.draining import may_stop, spent
from services.controller.deployer.endings import retire
from services.controller.deployer.enlisting import need_of
from services.controller.deployer.intentions import Intentions
from services.controller.deployer.view import UP, View, title

FIRST_WAIT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(minutes=5)
FORGIVEN = timedelta(minutes=10)  # live and ready for so long: its slot's strikes are forgotten

Leaving = tuple[Instance, str]  # with the reason


@dataclass(frozen=True, slots=True)
class Healing:
    """What the record's `planned` should be, whose start waits for room, and who goes once that is written."""

    entries: tuple[Planned, ...]
    held: frozenset[str]  # ids of entries
    leaving: tuple[Leaving, ...]


@dataclass(frozen=True, slots=True)
class _Ward:
    """All of one type: how many are wanted, how many there may be beside them (0: in place), how many there are."""

    count: int
    beside: int
    up: int  # or about to be; retiring ones too
    draining: int  # of these

    @property
    def is_full(self) -> bool:
        """One more would be one too many."""
        return self.up >= self.count + self.beside


def heal(view: View, release: int, entries: Iterable[Planned], fresh: Callable[[], str], out: Intentions) -> Healing:
    """Take the next steps for all that are not live, a bounded number of a type at a time.

    Who was replaced is retired before the record says so, and who is not wanted after all is once it does: a leader
    that finds half of it done goes on with the rest.
    """
    by_type: dict[str, list[Planned]] = {}
    coming = 0  # on their way up
    room = view.room  # that those which are planned and not up yet will leave
    for entry in entries:
        by_type.setdefault(entry.type, []).append(entry)
        coming += bool(entry.replaces)
        if room is not None and not _is_up(view, entry.id):
            room -= need_of(view, entry.type) or 0
    healed: list[Planned] = []
    held: set[str] = set()
    leaving: list[Leaving] = []
    for type_, members in by_type.items():
        need = need_of(view, type_) or 0
        ward = _ward(view, type_, members, no_room=room is not None and _wants(view, members, need) > room)
        followed = [_followed(view, entry, ward, out, leaving) for entry in members]
        turns = {entry.id for entry in _whose_turn(view, followed, ward, coming, out)}
        coming += len(turns)
        if room is not None and ward.beside:
            room -= need * len(turns)
        for entry in followed:
            healed.append(_succeeded(view, release, entry, fresh(), leaving) if entry.id in turns else entry)
            if ward.is_full and entry.replaces and entry.id not in view.here:
                held.add(entry.id)
    return Healing(in_order(healed), frozenset(held), tuple(leaving))


def restored(view: View, entry: Planned) -> Planned | None:
    """An entry for the instance that this one is to replace; None where it is not there any more.

    The attempt counts as a strike: an instance that is live by turns is not replaced at each of them.
    """
    old = view.live.get(entry.replaces)
    if old is None:
        return None
    back = entry.changed(id=old.identity.id, name=old.name, generation=old.identity.generation)
    return mark_running(view, back.changed(planned=view.now, deadline=None, replaces=""))


def _is_up(view: View, id_: str) -> bool:
    return id_ in view.here and view.here[id_].state in UP


def _wants(view: View, entries: list[Planned], need: int) -> float:
    """The memory that a type wants beside what it was promised: none, where a successor was promised its own."""
    if not need:
        return -math.inf
    return 0 if any(entry.replaces and not _is_up(view, entry.id) for entry in entries) else need


def _ward(view: View, type_: str, entries: list[Planned], *, no_room: bool) -> _Ward:
    """Who lingers for WebSockets alone is not counted, up to as many as may be up; unless there is no memory left."""
    count = len(entries)
    up = [instance for instance in view.here.values() if instance.identity.type == type_ and instance.state in UP]
    beside = 0 if no_room else view.surge(count)
    excused = 0 if no_room else min(sum(_lingers(view, instance) for instance in up), count + beside)
    draining = sum(instance.identity.id in view.retiring for instance in up)
    due = sum(not entry.replaces and not _is_up(view, entry.id) for entry in entries)
    return _Ward(count, beside, len(up) - excused + due, draining - excused)


def _lingers(view: View, instance: Instance) -> bool:
    if instance.identity.id not in view.retiring:
        return False
    _, record = view.retiring[instance.identity.id]
    return spent(view, instance, record) and not may_stop(view, instance, record)


def _followed(view: View, entry: Planned, ward: _Ward, out: Intentions, leaving: list[Leaving]) -> Planned:
    """The entry, with what has come of its replacing another; who it replaced retires."""
    old = view.here.get(entry.replaces) if entry.replaces else None
    if old is None:
        return _forgiven(view, entry.changed(replaces="") if entry.replaces else entry, out)
    new = view.here.get(entry.id)
    in_place = new is None and old.state in UP
    if entry.replaces in view.retiring:
        return entry if in_place else entry.changed(replaces="")
    if _does_well(view, old) and not (new and _serves(view, new)):
        if new:
            leaving.append((new, f"not needed: {title(old)} is live again"))
        return restored(view, entry) or entry
    if old.state not in UP or (new and _serves(view, new)):
        retire(view, out, old, f"replaced: it was not live ({_what_was_wrong(view, old)})")
        return entry.changed(replaces="")
    if in_place and not ward.beside:
        retire(view, out, old, f"replaced in place: it was not live ({_what_was_wrong(view, old)})")
    return entry


def _forgiven(view: View, entry: Planned, out: Intentions) -> Planned:
    """The entry, without strikes once it has done well for long enough."""
    instance = view.live.get(entry.id)
    verdict = view.verdict(instance) if instance and view.ready(instance) else None
    if not entry.strikes or verdict is None or not verdict.live:
        return entry
    due = max(entry.planned, verdict.since) + FORGIVEN
    if view.now >= due:
        return entry.changed(strikes=0)
    out.look_at(due)
    return entry


def _whose_turn(view: View, entries: list[Planned], ward: _Ward, coming: int, out: Intentions) -> list[Planned]:
    """Those that are not live and may be replaced now, unready ones first; one with a stand-in takes no place more."""
    places = (ward.beside or 1) - ward.draining - sum(bool(entry.replaces) for entry in entries)
    if view.app.settings.parallel is not None:
        places = min(places, view.app.settings.parallel - coming)
    sick = [entry for entry in entries if entry.id in view.live and view.not_live(view.live[entry.id])]
    turns = []
    for entry in sorted(sick, key=lambda entry: (view.ready(view.live[entry.id]), entry.number)):
        due = entry.planned + waits(entry.strikes)
        if view.now < due:
            out.look_at(due)
        elif entry.replaces in view.live:
            turns.append(entry)
        elif not entry.replaces and places > 0:
            places -= 1
            turns.append(entry)
    return turns


def _succeeded(view: View, release: int, entry: Planned, id_: str, leaving: list[Leaving]) -> Planned:
    """A new entry in the place of one that is not live.

    Of that one and its own stand-in the one stays that is ready: the older, where neither or both are.
    """
    stays, old = view.live[entry.id], view.live.get(entry.replaces)
    if old is not None:
        goes = old
        if view.ready(old) or not view.ready(stays):
            stays, goes = old, stays
        leaving.append((goes, f"replaced: it was not live ({_what_was_wrong(view, goes)})"))
    new = entry_for(view, release, (entry.type, entry.number), id_)
    return new.changed(
        generation=entry.generation, established=True, replaces=stays.identity.id, strikes=entry.strikes + 1
    )


def waits(strikes: int) -> timedelta:
    """How long after it was planned an instance may be replaced, when so many were before it in its slot."""
    if not strikes:
        return timedelta()
    return min(LONGEST_WAIT, FIRST_WAIT * (1 << min(strikes - 1, 10)))


def _serves(view: View, instance: Instance) -> bool:
    """It is ready and live, and in rotation everywhere."""
    return instance.identity.id in view.live and _does_well(view, instance) and not view.without(instance)


def _does_well(view: View, instance: Instance) -> bool:
    """Its present run is known to be live, and passes its check."""
    return view.ready(instance) and not view.not_live(instance)


def _what_was_wrong(view: View, instance: Instance) -> str:
    return view.not_live(instance) or instance.reason or f"it is {instance.state}"
