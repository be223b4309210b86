"""Where a drain goes on: behind what it, or the logger that had the app before, is known to have delivered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from libs.keyspace.records import Drain, DrainState
from libs.loglines import nanoseconds
from libs.loglines.selection import Selection
from services.logger.drains.lot import Mark
from services.logger.feed import Cursor, Place

MOST_PLACES = 256  # in a state: those that spoke last

Places = Mapping[str, tuple[int, int]]
"""By `<app uuid>/<instance>`: a time in ns, and how many lines since it (`feed_place`)."""


@dataclass(frozen=True)
class Start:
    """Where to begin. `state` is this logger's own of an earlier run.

    `cutoff`: of instances that `places` has not, lines up to this time were told before, or are not the drain's. It is
    the only word on history that agents fill rings with again. Where it cannot be that, with `live`, what comes is new
    by coming: a node's clock may be behind the controller's, of which the cutoff is.
    """

    state: DrainState | None = None
    places: Places = field(default_factory=dict)
    cutoff: int = 0
    fresh: bool = False  # no logger ever ran it: what is here already is not its
    live: bool = False  # it is fresh, and what comes to the rings that are here is news

    def cursor(self, uuid: str, settled: Mapping[tuple[str, str], Mark]) -> Cursor | None:
        """The places in an app's log to go on behind, with those of this run; None for what comes from now on."""
        head = f"{uuid}/"
        sources = {
            key.removeprefix(head): Place(0, at, nth) for key, (at, nth) in self.places.items() if key.startswith(head)
        }
        sources |= {mark.instance: Place(0, mark.at, mark.nth) for mark in settled.values() if mark.uuid == uuid}
        return None if self.fresh and not sources else Cursor("", sources)

    @property
    def first(self) -> Start:
        """The same for the first feed of an app, from which history comes only where rings are filled again."""
        return replace(self, cutoff=0) if self.live else self

    def new(self, block: bytes, lines: int) -> tuple[bytes, int]:
        """What of an instance without a place was never told."""
        passed = Selection(since=self.cutoff + 1).passing(block, lines)
        return passed.block, passed.lines


def start_of(drain: Drain, own: DrainState | None, others: Sequence[DrainState], *, filled: bool = False) -> Start:
    """Where a drain begins, by all the states that loggers wrote of it. `filled`: agents fill no ring again now."""
    states = [*others, *([own] if own else [])]
    places: dict[str, tuple[int, int]] = {}
    for state in states:
        for key, place in state.places.items():
            places[key] = max(place, places.get(key, place))
    # A state that is full has let go of places; all of them were before those that it has.
    full = [min(state.places.values())[0] for state in states if len(state.places) >= MOST_PLACES]
    cutoff = max(nanoseconds(drain.created), min(full, default=0))
    return Start(own, places, cutoff, fresh=not states, live=filled and not states)


def placed(before: Places, settled: Mapping[tuple[str, str], Mark]) -> dict[str, tuple[int, int]]:
    """The places for a state: those of before and of now, the latest ones if they are too many."""
    now = {f"{mark.uuid}/{mark.instance}": (mark.at, mark.nth) for mark in settled.values()}
    places = {**before, **now}
    if len(places) > MOST_PLACES:
        latest = sorted(places, key=lambda key: places[key])[-MOST_PLACES:]
        places = {key: places[key] for key in latest}
    return places
