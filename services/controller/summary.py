"""The sentence that says what a release changed: v1's words, from the release before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Content:
    """What a release runs, in the clear: `build` tells builds apart, `image` and `sha` name it for people."""

    build: str | None = None
    image: str = ""
    sha: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    memory: Mapping[str, str] = field(default_factory=dict)
    cpu: Mapping[str, int] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    probes: Mapping[str, Any] = field(default_factory=dict)  # by `web readiness` and the like


def summarise(user: str, before: Content, after: Content) -> str:
    """What `user` changed between two releases. v1 forgot the `and` before limits."""
    said = []
    if after.build != before.build and after.build is not None:
        said.append(f"{user} deployed {after.sha[:7] or after.image}")
    if values := _difference(before.values, after.values, ""):
        said.append(f"{user} {values}")
    limits = [name for name in ("memory", "cpu") if getattr(before, name) != getattr(after, name)]
    if limits:
        said.append(f"{user} changed limits for {', '.join(limits)}")
    if tags := _difference(before.tags, after.tags, "tag "):
        said.append(f"{user} {tags}")
    if probes := _difference(before.probes, after.probes, "healthcheck "):
        said.append(f"{user} {probes}")
    return " and ".join(said) or f"{user} changed nothing"


def initial(user: str) -> str:
    """The first release's summary."""
    return f"{user} created initial release"


def rolled_back(user: str, number: int) -> str:
    """A rollback's summary."""
    return f"{user} rolled back to v{number}"


def _difference(before: Mapping[str, Any], after: Mapping[str, Any], noun: str) -> str:
    kinds = {
        "added": [key for key in after if key not in before],
        "changed": [key for key in after if key in before and after[key] != before[key]],
        "deleted": [key for key in before if key not in after],
    }
    return ", ".join(f"{verb} {noun}{', '.join(sorted(keys))}" for verb, keys in kinds.items() if keys)
