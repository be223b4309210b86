"""A mirror's records in groups, each in order: a page of a long list costs what the page costs."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, overload

from libs.keyspace import Document
from libs.keyspace.records import Build, Domain, Instance, Release
from libs.store.mirror import Mirror, Moved

D = TypeVar("D", bound=Document)

Place = tuple[str, Any]  # a record's group, and its rank within it


class Ranked(Generic[D]):
    """Where each record of a mirror stands, as new as the mirror.

    `place` says it of a record and its key's components (None: nowhere), `read` finds the record of a place again.
    """

    def __init__(
        self,
        mirror: Mirror[D],
        place: Callable[[tuple[str, ...], D], Place | None],
        read: Callable[[str, Any], D | None],
    ) -> None:
        self._place, self._read = place, read
        self._ranks: dict[str, list[Any]] = {}  # sorted, by group
        mirror.on_change(self._moved)

    def of(self, group: str) -> Sequence[D]:
        """A group's records in order, each read when it is looked at."""
        return Lookup(self._ranks.get(group, ()), lambda rank: self._read(group, rank))

    def backwards(self, group: str, upto: Any = None) -> Sequence[D]:
        """The same from the last one to the first; `upto`: none of a higher rank."""
        ranks = self._ranks.get(group, ())
        last = len(ranks) if upto is None else bisect_right(ranks, upto)
        return Lookup(ranks, lambda rank: self._read(group, rank), range(last - 1, -1, -1))

    def _moved(self, moves: Sequence[Moved[D]]) -> None:
        for move in moves:
            before = None if move.old is None else self._place(move.parts, move.old)
            after = None if move.new is None else self._place(move.parts, move.new)
            if before != after:
                self._leave(before)
                self._enter(after)

    def _enter(self, place: Place | None) -> None:
        if place is not None:
            insort(self._ranks.setdefault(place[0], []), place[1])

    def _leave(self, place: Place | None) -> None:
        if place is not None:
            own = self._ranks[place[0]]
            del own[bisect_left(own, place[1])]
            if not own:
                del self._ranks[place[0]]


def by_number(parts: tuple[str, ...], release: Release) -> Place | None:
    """A release's: its app's uuid, and its number."""
    return (parts[0], release.number) if parts[1] == str(release.number) else None


def by_age(parts: tuple[str, ...], build: Build) -> Place:
    """A build's: its app's uuid, and when it was made."""
    return parts[0], (build.created.timestamp(), parts[1])


def by_name(parts: tuple[str, ...], domain: Domain) -> Place:
    """A domain's: its app's name, and its own."""
    return domain.app, parts[0]


class Population:
    """Which instances an app has, of which releases; its one-off runs apart."""

    def __init__(self, mirror: Mirror[Instance]) -> None:
        self._mirror = mirror
        self._own: dict[tuple[str, bool], dict[tuple[str, ...], int]] = {}  # by app uuid and `once`; releases by key
        mirror.on_change(self._moved)

    def of(self, app_uuid: str, *, once: bool = False) -> list[tuple[tuple[str, ...], Instance]]:
        """An app's instances, or runs, with the components of their keys."""
        found = ((parts, self._mirror.get(*parts)) for parts in self._own.get((app_uuid, once), ()))
        return [(parts, instance) for parts, instance in found if instance is not None]

    def releases(self, app_uuid: str) -> set[int]:
        """The releases of an app's instances."""
        return set(self._own.get((app_uuid, False), {}).values())

    def _moved(self, moves: Sequence[Moved[Instance]]) -> None:
        for move in moves:
            if move.old is not None:
                group = (move.old.app_uuid, move.old.once)
                own = self._own[group]
                del own[move.parts]
                if not own:
                    del self._own[group]
            if move.new is not None:
                self._own.setdefault((move.new.app_uuid, move.new.once), {})[move.parts] = move.new.release


class Lookup(Sequence[D]):
    """Records by their ranks, in the order of `places` in these: each is read when it is looked at."""

    def __init__(self, ranks: Sequence[Any], read: Callable[[Any], D | None], places: range | None = None) -> None:
        self._ranks, self._read = ranks, read
        self._places = range(len(ranks)) if places is None else places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> D: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[D]: ...
    def __getitem__(self, index: int | slice) -> D | Sequence[D]:
        if isinstance(index, slice):
            return Lookup(self._ranks, self._read, self._places[index])
        rank = self._ranks[self._places[index]]
        if (found := self._read(rank)) is None:
            raise LookupError(f"no record has the rank {rank!r} that it had")
        return found
