"""What has become of a release."""

from __future__ import annotations

from typing import Any

import pytest

from libs.keyspace.document import now
from libs.keyspace.records import App, Cancelled, Config, Release, Rollout
from services.controller.standing import standing

MOMENT = now()
OUT = {"phase": "done", "succeeded": MOMENT}


def app(wanted: int, latest: int = 4) -> App:
    return App(id="a", uuid="u", owner="o", release=wanted, latest=latest, created=MOMENT, updated=MOMENT)


def release(number: int) -> Release:
    config = Config(uuid="c", owner="o", values="", created=MOMENT)
    build = f"b{number}" if number > 1 else None
    return Release(uuid="r", app="a", owner="o", number=number, summary="", build=build, config=config, created=MOMENT)


def rollouts(**by_number: dict[str, Any]) -> dict[int, Rollout]:
    base: dict[str, Any] = {"app": "a", "app_uuid": "u", "intent": 1, "epoch": 1, "since": MOMENT}
    return {int(key[1:]): Rollout(release=int(key[1:]), **base, **fields) for key, fields in by_number.items()}


@pytest.mark.parametrize(
    ("wanted", "known", "running", "states"),
    [
        (1, {}, set(), ["current"]),
        (2, {}, set(), ["", "rolling"]),
        (2, {"v2": {"phase": "starting"}}, {2}, ["", "rolling"]),
        (2, {"v2": OUT}, {2}, ["", "current"]),
        (2, {"v2": {"phase": "failed", "reason": "no"}}, set(), ["", "failed"]),
        (2, {"v2": {"phase": "failed", "reason": "no", "succeeded": MOMENT}}, {2}, ["", "current"]),
        (2, {"v2": {"phase": "starting", "succeeded": MOMENT}}, {2}, ["", "current"]),
        (3, {"v2": OUT}, {2}, ["", "current", "rolling"]),
        (3, {"v2": OUT, "v3": {"phase": "routing"}}, {2, 3}, ["", "current", "rolling"]),
        (3, {"v2": OUT, "v3": OUT}, {2, 3}, ["", "", "current"]),
        (2, {"v2": OUT, "v3": {"phase": "failed"}}, {2}, ["", "current", "failed"]),
        (4, {"v2": OUT, "v3": {"phase": "superseded"}, "v4": OUT}, {4}, ["", "", "superseded", "current"]),
        (2, {"v2": OUT, "v3": {"phase": "cancelled"}}, {2, 3}, ["", "current", "cancelled"]),
        (1, {"v2": {"phase": "cancelled"}}, {2}, ["current", "cancelled"]),
        (3, {"v2": {"phase": "failed"}, "v3": {"phase": "starting"}}, {2, 3}, ["", "failed", "rolling"]),
        (4, {"v2": OUT, "v4": OUT}, {4}, ["", "", "superseded", "current"]),
    ],
)
def test_a_release_stands_as_its_rollout_and_what_runs_say(
    wanted: int, known: dict[str, dict[str, Any]], running: set[int], states: list[str]
) -> None:
    records = rollouts(**known)
    found = [standing(release(n), app(wanted), records, running).state for n in range(1, len(states) + 1)]
    assert found == states


def test_a_release_that_was_cancelled_before_it_began_says_who_did() -> None:
    word = Cancelled(release=2, by="ann", at=MOMENT)
    found = standing(release(2), app(1).changed(cancelled=word), {}, set())
    assert (found.state, found.reason) == ("cancelled", "cancelled by ann")
    assert standing(release(3), app(1).changed(cancelled=word), {}, set()).state == "superseded"


def test_a_failed_release_says_why_and_so_does_one_whose_scale_failed() -> None:
    records = rollouts(v2={"phase": "failed", "reason": "no room", "succeeded": MOMENT}, v3={"phase": "failed"})
    assert standing(release(2), app(2), records, {2}).reason == "no room"
