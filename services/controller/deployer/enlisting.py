"""How many new instances may be started now: by the surge, by `parallel`, and by the memory that the node has. Pure.

Of a type there are never more than its formation and its surge: planned ones, others that are up, and retiring ones
that have requests in flight or time for them. Retiring ones that linger for WebSockets alone are beside that, as many
again at most.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from libs.engine import Instance
from libs.keyspace.records import Planned, Rollout
from services.controller.deployer.crew import Crew, entry_for
from services.controller.deployer.draining import spent
from services.controller.deployer.endings import IN_PLACE
from services.controller.deployer.intentions import Intentions
from services.controller.deployer.recipe import BadRecipe, memory_bytes
from services.controller.deployer.serving import pending
from services.controller.deployer.slots import Slot
from services.controller.deployer.view import UP, View, title


@dataclass(frozen=True, slots=True)
class Enlisted:
    """The new entries; and the types of which nothing can be started unless an old instance goes first.

    A tight type's text says why its instances are replaced in place; empty: they are not, and another one is in excess.
    """

    entries: dict[Slot, Planned] = field(default_factory=dict)
    tight: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Room:
    """What may still be started in this look."""

    parallel: int | None
    bytes: int | None
    freed: int  # bytes that retiring instances of ours will leave


@dataclass(frozen=True, slots=True)
class _Tally:
    """The instances of one type."""

    count: int  # wanted
    bound: int  # wanted, and the surge
    there: int  # planned or up, and not retiring
    pressing: list[Instance]  # retiring, with requests or time for them, or to make room
    spent: int  # retiring, without
    leaving: frozenset[int]  # numbers whose last instance leaves in place, and is still up

    @property
    def counted(self) -> int:
        """How many there are, by the rule."""
        return self.there + len(self.pressing) + max(0, self.spent - self.bound)

    @property
    def free(self) -> int:
        """How many more there may be."""
        return self.bound - self.counted


def enlist(view: View, draft: Rollout, crew: Crew, fresh: Callable[[], str], out: Intentions) -> Enlisted:
    """New entries for missing slots, as many as may be; slots with nobody in them come first."""
    made = Enlisted()
    room = _room(view, crew)
    waits = pending(view, crew)
    for type_ in dict.fromkeys(type_ for type_, _ in crew.wanted):
        missing = [slot for slot in crew.missing if slot[0] == type_]
        if missing:
            _enlist_type(view, crew, _Case(draft.release, type_, missing, bool(waits), room, made, fresh), out)
    return made


@dataclass(frozen=True, slots=True)
class _Case:
    """One type with missing slots."""

    release: int
    type_: str
    missing: list[Slot]
    waits: bool  # something of the app is on its way up
    room: _Room
    made: Enlisted
    fresh: Callable[[], str]


def _enlist_type(view: View, crew: Crew, case: _Case, out: Intentions) -> None:
    tally = _count(view, crew, case.type_)
    need = need_of(view, case.type_)
    room, made = case.room, case.made
    occupied = {(i.identity.type, i.identity.number) for i in crew.surplus if i.state in UP}
    blocked = ""
    started = 0
    for slot in sorted(case.missing, key=lambda slot: (slot in occupied, slot)):
        if slot[1] in tally.leaving:
            continue
        if room.parallel is not None and room.parallel <= 0:
            return
        if started >= tally.free:
            break
        if tally.counted + started >= tally.count and need and room.bytes is not None and need > room.bytes:
            blocked = _no_room(view, case, need, bool(made.entries), out)
            if not blocked:
                return
            break
        made.entries[slot] = entry_for(view, case.release, slot, case.fresh())
        started += 1
        _take(room, need)
    if started or pending(view, crew, case.type_):
        return
    if tally.pressing:
        for instance in tally.pressing:
            out.wait("{} to end", f"{title(instance)} of v{instance.identity.release}")
    elif not blocked and tally.there < tally.bound:
        out.wait("retiring instances of {} to end", case.type_)
    else:
        in_place = "the app's surge is 0: instances are replaced one at a time in place"
        made.tight[case.type_] = blocked or ("" if tally.bound > tally.count else in_place)


def _count(view: View, crew: Crew, type_: str) -> _Tally:
    count = sum(slot[0] == type_ for slot in crew.wanted)
    known = {entry.id for slot, entry in crew.current.items()}
    there = sum(slot[0] == type_ for slot in crew.current)
    there += sum(i.identity.type == type_ and i.state in UP for i in crew.surplus)
    planned = {entry.id: entry for filed in view.rollouts.values() for entry in filed.document.planned}
    there += sum(  # starts that were asked for by a rollout that is over, and not answered yet
        entry.type == type_ and f"instance/{id_}" in view.busy and id_ not in view.here and id_ not in known
        for id_, entry in planned.items()
    )
    leaving = [
        (instance, record)
        for id_, (_, record) in sorted(view.retiring.items())
        if (instance := view.here.get(id_)) is not None and instance.state in UP and instance.identity.type == type_
    ]
    in_place = {i.identity.number for i, record in leaving if record.reason.endswith(IN_PLACE)}
    pressing = [i for i, record in leaving if i.identity.number in in_place or not spent(view, i, record)]
    bound = count + view.surge(count)
    return _Tally(count, bound, there, pressing, len(leaving) - len(pressing), frozenset(in_place))


def _room(view: View, crew: Crew) -> _Room:
    """What is left beside the entries that are planned and do not run yet."""
    parallel = view.app.settings.parallel
    left = view.room
    if left is not None:
        coming = (
            entry.type
            for entry in crew.current.values()
            if (instance := view.here.get(entry.id)) is None or instance.state not in UP
        )
        left -= sum(need_of(view, type_) or 0 for type_ in coming)
    retiring = (view.here[id_] for id_ in view.retiring if id_ in view.here)
    freed = sum(instance.memory or 0 for instance in retiring if instance.state in UP)
    return _Room(None if parallel is None else parallel - len(pending(view, crew)), left, freed)


def _take(room: _Room, need: int | None) -> None:
    if room.parallel is not None:
        room.parallel -= 1
    if room.bytes is not None:
        room.bytes -= need or 0


def need_of(view: View, type_: str) -> int | None:
    """The memory limit of an instance of the wanted release, in bytes; None: it has none, or none that can be read."""
    limit = view.release.config.memory.get(type_) if view.release else None
    try:
        return memory_bytes(limit) if limit else None
    except BadRecipe:
        return None


def _no_room(view: View, case: _Case, need: int, others_start: bool, out: Intentions) -> str:
    """Why instances are replaced in place; empty where what is under way may make room."""
    assert case.room.bytes is not None
    free = max(0, case.room.bytes)
    if case.waits or others_start:
        return ""
    if need <= case.room.bytes + case.room.freed:
        out.wait(f"retiring instances to free the {_mib(need)} of memory that {{}} needs", case.type_)
        return ""
    return (
        f"a surge needs {_mib(need)} and {view.policy.node} has {_mib(free)} free: "
        "instances are replaced one at a time in place"
    )


def _mib(number: int) -> str:
    return f"{number / 2**20:.4g} MiB"
