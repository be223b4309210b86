"""Where a cancelled rollout goes back to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.keyspace.document import now
from libs.keyspace.records import App, Config, Instance, Release, Rollout
from services.controller.cancelling import formation_at, refuse_unless_under_way, way_back
from services.controller.errors import NotUnderWay

MOMENT = now()
OUT: dict[str, Any] = {"phase": "done", "succeeded": MOMENT}


def app(**fields: Any) -> App:
    return App(id="a", uuid="u", owner="o", created=MOMENT, updated=MOMENT, **fields)


def rollout(number: int, **fields: Any) -> Rollout:
    return Rollout(app="a", app_uuid="u", release=number, intent=1, epoch=1, since=MOMENT, **fields)


def rollouts(**by_number: dict[str, Any]) -> dict[int, Rollout]:
    return {int(key[1:]): rollout(int(key[1:]), **fields) for key, fields in by_number.items()}


@pytest.mark.parametrize(
    ("number", "known", "back_to"),
    [
        (2, {}, 1),
        (3, {}, 2),
        (4, {"v3": OUT}, 3),
        (4, {"v2": OUT, "v3": {"phase": "failed"}}, 2),
        (4, {"v2": OUT, "v3": {"phase": "superseded"}}, 2),
        (4, {"v2": OUT, "v3": OUT, "v4": {"fallback": 2}}, 2),
        (4, {"v3": OUT, "v4": {"fallback": 9}}, 3),
        (4, {"v3": {"phase": "starting", "succeeded": MOMENT}}, 3),
        (4, {"v3": {"phase": "cancelled"}, "v2": {"phase": "cancelled"}}, 1),
        (3, {"v2": {"phase": "failed"}}, 2),
    ],
)
def test_a_cancelled_rollout_goes_back_to_what_ran(number: int, known: dict[str, dict[str, Any]], back_to: int) -> None:
    assert way_back(number, range(1, number + 1), rollouts(**known)) == back_to


PHASES = st.sampled_from(["starting", "done", "failed", "superseded", "cancelled"])


@given(
    st.integers(2, 9),
    st.dictionaries(st.integers(1, 9), PHASES),
    st.none() | st.integers(1, 9),
    st.sets(st.integers(2, 9)),
)
def test_the_way_back_is_an_earlier_release(
    number: int, phases: dict[int, Any], fallback: int | None, releases: set[int]
) -> None:
    known = {n: rollout(n, phase=phase, fallback=fallback) for n, phase in phases.items()}
    back_to = way_back(number, {1, *releases}, known)
    assert back_to < number
    assert back_to in {1, *releases}
    out = {n for n in {1, *releases} if n < number and phases.get(n) == "done"}
    if number not in phases:
        assert not out or back_to == max(out)


def test_types_that_run_there_and_are_forgotten_come_back() -> None:
    base = Instance(id="i", name="n", node="n", app="a", app_uuid="u", type="web", number=1, release=2, state="running")
    there = [
        base,
        *(base.changed(type="worker", number=number) for number in (1, 2, 2)),
        base.changed(release=3, type="x"),
    ]
    assert formation_at(2, app(formation={"web": 3, "cmd": 0}), there) == {"web": 3, "cmd": 0, "worker": 2}


@pytest.mark.parametrize(
    ("fields", "build", "said"),
    [
        ({"phase": "starting"}, "b", None),
        ({"phase": "starting", "reason": "it fails right now"}, "b", None),
        (None, "b", None),
        (None, None, "Nothing is under way: v3 has no build, so nothing of it runs"),
        (OUT, "b", "v3 is out already, so there is nothing to cancel; to leave it, roll back to another release"),
        (
            {"phase": "failed", "succeeded": MOMENT},
            "b",
            "v3 is out already, so there is nothing to cancel; to leave it, roll back to another release",
        ),
        ({"phase": "failed", "reason": "no room"}, "b", "v3 failed already: no room"),
        ({"phase": "superseded"}, "b", "v3 was superseded already"),
        ({"phase": "cancelled"}, "b", "v3 was cancelled already"),
    ],
)
def test_only_what_is_under_way_and_never_succeeded_is_cancelled(
    fields: dict[str, Any] | None, build: str | None, said: str | None
) -> None:
    config = Config(uuid="c", owner="o", values="", created=MOMENT)
    release = Release(uuid="r", app="a", owner="o", number=3, summary="", build=build, config=config, created=MOMENT)
    known = {3: rollout(3, **fields)} if fields is not None else {}
    if said is None:
        refuse_unless_under_way(3, app(release=3, latest=3), release, known)
        with pytest.raises(NotUnderWay, match="v3 is not under way: v4 is wanted"):
            refuse_unless_under_way(3, app(release=4, latest=4), release, known)
    else:
        with pytest.raises(NotUnderWay) as refused:
            refuse_unless_under_way(3, app(release=3, latest=3), release, known)
        assert str(refused.value) == said
