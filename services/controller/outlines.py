"""Of every rollout what most who ask want to know of it, kept at hand: the whole records are packed away."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from libs.keyspace.records import Alarm, Rollout
from libs.keyspace.records.rollout import SETTLED, Phase
from libs.store.mirror import Mirror, Moved

NONE: Mapping[str, Alarm] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Outline:
    """One rollout's. `open`: it has yet to tell how an instance of its own ended; `about`: the ids that it names."""

    phase: Phase
    reason: str
    waiting: str
    succeeded: bool
    alarms: Mapping[str, Alarm]
    intent: int
    epoch: int
    fallback: int | None
    open: bool
    about: str

    @property
    def settled(self) -> bool:
        """As the record's."""
        return self.phase in SETTLED

    @property
    def ids(self) -> list[str]:
        """The instances that it names."""
        return self.about.split()

    def names(self, ids: Collection[str]) -> bool:
        """Whether it may name one of these instances; it does so for certain where it does."""
        return any(id_ in self.about for id_ in ids)


def outline(rollout: Rollout) -> Outline:
    """The outline of a record."""
    ids = dict.fromkeys([*(entry.id for entry in rollout.planned), *rollout.instances])
    replaced = [entry.replaces for entry in rollout.planned if entry.replaces]
    seen = rollout.instances.values()
    return Outline(
        phase=rollout.phase,
        reason=rollout.reason,
        waiting=rollout.waiting,
        succeeded=rollout.succeeded is not None,
        alarms=rollout.alarms or NONE,
        intent=rollout.intent,
        epoch=rollout.epoch,
        fallback=rollout.fallback,
        open=any(one.stopped is None and (one.retired is not None or rollout.phase != "done") for one in seen),
        about=" ".join((*ids, *replaced)),
    )


class Outlines:
    """The outlines of a mirror's rollouts, as new as the mirror."""

    def __init__(self, mirror: Mirror[Rollout]) -> None:
        self._by_app: dict[str, dict[int, Outline]] = {}  # by the app's uuid, then by release
        mirror.on_change(self._moved)

    def of(self, app_uuid: str) -> Mapping[int, Outline]:
        """An app's, by release number."""
        return self._by_app.get(app_uuid, {})

    def about(self, app_uuid: str, ids: Collection[str]) -> list[int]:
        """The releases of those that are not settled, or name one of these instances."""
        return [number for number, one in self.of(app_uuid).items() if not one.settled or one.names(ids)]

    def _moved(self, moves: Sequence[Moved[Rollout]]) -> None:
        for move in moves:
            app_uuid, release = move.parts
            if not release.isdecimal():
                continue
            own = self._by_app.setdefault(app_uuid, {})
            if move.new is not None:
                own[int(release)] = outline(move.new)
            else:
                own.pop(int(release), None)
            if not own:
                del self._by_app[app_uuid]
