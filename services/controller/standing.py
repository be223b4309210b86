"""What has become of a release: whether it runs, is on its way, failed, was cancelled or overtaken. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from libs.keyspace.records import App, Release, Rollout
from services.controller.outlines import Outline

State = Literal["current", "rolling", "failed", "cancelled", "superseded", ""]


@dataclass(frozen=True)
class Standing:
    """A release's state, empty for one that ran and was replaced; and the reason why it does not run."""

    state: State
    reason: str = ""


def current(app: App, wanted: Rollout | Outline | None, running: Collection[int]) -> int:
    """The release that the app runs: the wanted one once it was out, till then the latest other; 0 is none."""
    if is_out(wanted) or (wanted is None and app.release in running):
        return app.release
    return max((number for number in running if number != app.release), default=0)


def standing(
    release: Release, app: App, rollouts: Mapping[int, Rollout | Outline], running: Collection[int]
) -> Standing:
    """How a release stands. `running` are the releases that have instances."""
    rollout = rollouts.get(release.number)
    reason = rollout.reason if rollout is not None else ""
    if release.number == app.release and release.build is None:
        return Standing("current", reason)
    if rollout is not None and rollout.phase in {"failed", "cancelled"} and not is_out(rollout):
        return Standing("failed" if rollout.phase == "failed" else "cancelled", reason)
    if release.number == current(app, rollouts.get(app.release), running):
        return Standing("current", reason)
    if release.number == app.release:
        return Standing("rolling", reason)
    if rollout is None and app.cancelled is not None and app.cancelled.release == release.number:
        return Standing("cancelled", f"cancelled by {app.cancelled.by}")
    return Standing("") if release.build is None or is_out(rollout) else Standing("superseded", reason)


def is_out(rollout: Rollout | Outline | None) -> bool:
    """It ran as it was wanted, once at least."""
    return rollout is not None and (rollout.phase == "done" or bool(rollout.succeeded))
