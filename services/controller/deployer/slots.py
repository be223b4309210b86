"""Which process types and numbers an app wants, and how many may be started beside the old ones. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping

from libs.keyspace.records import Build
from services.controller.process_types import fitted

Slot = tuple[str, int]  # a process type and a number


def wanted_counts(formation: Mapping[str, int], build: Build) -> dict[str, int]:
    """How many of each type are to run with this build."""
    return {type_: count for type_, count in sorted(fitted(formation, build).items()) if count > 0}


def wanted_numbers(count: int, taken: Iterable[int], serving: Collection[int] = ()) -> tuple[int, ...]:
    """The numbers of `count` instances: the lowest of those there are, then max+1 and on, as v1 counted.

    Where fewer are wanted than there are, those that serve are kept before those that do not.
    """
    numbers = sorted(set(taken))
    highest = numbers[-1] if numbers else 0
    kept = sorted(sorted(numbers, key=lambda number: (number not in serving, number))[:count])
    return (*kept, *range(highest + 1, highest + 1 + count - len(kept)))


def surge(count: int, share: float, setting: str | None = None) -> int:
    """How many more than `count` may be there while old ones are replaced; 0 is none: they are replaced in place.

    One, or the operator's share of the type, the larger; unless the app has a number (`2`) or percentage (`50%`) of
    its own.
    """
    if setting is None:
        return max(1, math.ceil(count * share))
    if setting.endswith("%"):
        return math.ceil(count * int(setting[:-1]) / 100)
    return int(setting)
