"""Where a release's rollout is, as answers tell it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from libs.keyspace.records import App, Config, InstanceEvidence, Release, Rollout
from services.controller.course import NOT_BEGUN, Stage, of_app, of_course, stage, time

T0 = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
APP = App(id="a", uuid="u", owner="o", release=3, latest=3, created=T0, updated=T0)


def rollout(**fields: Any) -> Rollout:
    return Rollout(app="a", app_uuid="u", release=3, intent=1, epoch=1, since=T0, **fields)


def release(number: int, build: str | None = "b") -> Release:
    config = Config(uuid="c", owner="o", values="", created=T0)
    return Release(uuid="r", app="a", owner="o", number=number, summary="", build=build, config=config, created=T0)


@pytest.mark.parametrize(
    ("of", "record", "found", "over"),
    [
        (release(3), rollout(phase="routing", waiting="r1"), Stage("routing", "r1"), False),
        (release(3), rollout(phase="done"), Stage("done"), True),
        (release(3), rollout(phase="cancelled"), Stage("cancelled"), True),
        (release(3), None, Stage("preparing", NOT_BEGUN), False),
        (release(3, None), None, Stage(None), True),
        (release(2), None, Stage(None), True),
        (None, None, Stage(None), True),
    ],
)
def test_a_wanted_release_with_a_build_is_under_way_before_its_record_is_there(
    of: Release | None, record: Rollout | None, found: Stage, over: bool
) -> None:
    at = stage(APP, of, record)
    assert (at, at.over) == (found, over)
    assert (of_app(at, 3, record)["rollout"] is None) == over


def test_a_time_is_told_in_utc_to_the_microsecond() -> None:
    there = T0.astimezone(timezone(timedelta(hours=2))) + timedelta(microseconds=7)
    assert time(there) == "2030-01-02T03:04:05.000007Z"
    assert time(None) is None


def test_those_that_came_are_told_in_order_and_then_those_that_left() -> None:
    def one(**times: datetime) -> InstanceEvidence:
        return InstanceEvidence(title="web.1", release=3, **times)

    instances = {
        "left late": one(retired=T0 + timedelta(seconds=9)),
        "left": one(retired=T0 + timedelta(seconds=1)),
        "second": one(planned=T0 + timedelta(seconds=2)),
        "first": one(planned=T0, retired=T0 + timedelta(seconds=3)),
    }
    told = of_course(Stage("done"), rollout(instances=instances))["instances"]
    assert isinstance(told, list)
    assert [one["id"] for one in told if isinstance(one, dict)] == ["first", "second", "left", "left late"]
