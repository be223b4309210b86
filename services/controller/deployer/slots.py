"""Which process types and numbers an app wants, and how many may be started beside the old ones. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from libs.keyspace.records import Build
from services.controller.process_types import fitted

Slot = tuple[str, int]  # a process type and a number


def wanted_counts(formation: Mapping[str, int], build: Build) -> dict[str, int]:
    """How many of each type are to run with this build."""
    return {type_: count for type_, count in sorted(fitted(formation, build).items()) if count > 0}


def wanted_numbers(count: int, taken: Iterable[int]) -> tuple[int, ...]:
    """The numbers of `count` instances: the lowest of those there are, then max+1 and on, as v1 counted."""
    numbers = sorted(set(taken))
    highest = numbers[-1] if numbers else 0
    kept = numbers[:count]
    return (*kept, *range(highest + 1, highest + 1 + count - len(kept)))


def surge(count: int, share: float) -> int:
    """How many more than `count` may be there while old ones are replaced: one, or the share, the larger."""
    return max(1, math.ceil(count * share))


def budget(count: int, present: int, share: float) -> int:
    """How many may be started now, when `present` of the wanted slots hold an instance and some are replaced."""
    return max(0, count + surge(count, share) - present)
