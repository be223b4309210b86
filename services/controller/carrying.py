"""Whether a later release has a change that an earlier one was made for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.controller.summary import Content


def carries(later: Content, before: Content, after: Content) -> bool:
    """Whether all in which `after` differs from `before` is so in `later` too.

    A config set by another one right after it is carried, as each is merged over the one before; a build in whose place
    another one came is not, nor is a value that was set anew.
    """
    if after.build not in {before.build, later.build}:
        return False
    return all(
        _carries(getattr(later, name), getattr(before, name), getattr(after, name))
        for name in ("values", "memory", "cpu", "tags", "probes")
    )


def _carries(later: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    changed = (key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    return all(later.get(key) == after.get(key) for key in changed)
