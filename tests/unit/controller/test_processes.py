"""What ps shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from libs.keyspace.records import Alarm, Health, Instance, Planned, Rollout
from services.controller.processes import processes, state_of

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def instance(id_: str = "i1", **fields: Any) -> Instance:
    given = {"type": "web", "number": 1, "release": 2, "state": "running", "started": T0, **fields}
    return Instance(id=id_, name=f"a_v2.web.1-{id_}", node="n1", app="a", app_uuid="u", **given)


def verdict(*, ready: bool, started: bool = True, run: datetime | None = T0) -> Health:
    return Health(started=started, ready=ready, live=True, since=T0, run=run)


def rollout(phase: Any, *planned: Planned) -> Rollout:
    return Rollout(app="a", app_uuid="u", release=2, intent=1, epoch=1, phase=phase, since=T0, planned=planned)


@pytest.mark.parametrize(
    ("fields", "health", "state"),
    [
        ({"state": "created", "started": None}, None, "created"),
        ({}, verdict(ready=True), "up"),
        ({}, None, "up"),
        ({}, verdict(ready=False, run=T0 - timedelta(hours=1)), "up"),
        ({}, verdict(ready=False, started=False), "created"),
        ({}, verdict(ready=False), "down"),
        ({"state": "restarting"}, verdict(ready=True), "crashed"),
        ({"state": "exited", "exit_code": 1}, None, "crashed"),
        ({"state": "exited", "exit_code": 0}, None, "down"),
        ({"state": "dead"}, None, "error"),
    ],
)
def test_a_state_is_one_of_v1s(fields: dict[str, Any], health: Health | None, state: str) -> None:
    assert state_of(instance(**fields), health, proven=True) == state


def test_what_was_never_part_of_a_success_is_on_its_way_until_it_is_ready() -> None:
    assert state_of(instance(), None, proven=False) == "created"
    assert state_of(instance(), verdict(ready=False), proven=False) == "created"
    assert state_of(instance(), verdict(ready=True), proven=False) == "up"


@pytest.mark.parametrize(
    ("fields", "health", "ready", "reason"),
    [
        ({"state": "created", "started": None}, None, False, ""),
        ({}, verdict(ready=True), True, ""),
        ({}, None, None, ""),
        ({}, verdict(ready=True, run=T0 - timedelta(hours=1)), None, ""),
        ({}, verdict(ready=False).changed(reason="GET / answered 500"), False, "GET / answered 500"),
        ({}, verdict(ready=True).changed(live=False, live_reason="no answer"), True, "no answer"),
        ({"state": "restarting", "exit_code": 3}, verdict(ready=True), False, "exited with code 3"),
        ({"state": "exited", "exit_code": 137, "reason": "out of memory"}, None, False, "out of memory"),
        ({"state": "dead"}, None, False, ""),
    ],
)
def test_a_process_says_whether_it_is_ready_and_why_not(
    fields: dict[str, Any], health: Health | None, ready: bool | None, reason: str
) -> None:
    verdicts = {"i1": health} if health else {}
    (shown,) = processes([instance(**fields)], verdicts, [], (), T0, alarms={})
    assert (shown.ready, shown.reason, shown.last_lines) == (ready, reason, ())


def test_an_alarm_is_what_is_told_first() -> None:
    crashed = Alarm(kind="crashed", about="web.1", since=T0, message="exited with code 1", last_lines=("boom",))
    not_live = Alarm(kind="not_live", about="web.2", since=T0, message="GET / answered 500")
    shown = processes(
        [instance(), instance("i2", number=2), instance("i3", number=3)],
        {"i1": verdict(ready=True)},
        [],
        (),
        T0,
        alarms={"i1": crashed, "i2": not_live, "web": crashed},
    )
    assert [(p.state, p.reason, p.last_lines) for p in shown] == [
        ("crashed", "exited with code 1", ("boom",)),
        ("up", "GET / answered 500", ()),
        ("up", "", ()),
    ]


def test_a_planned_instance_is_shown_before_it_is_there() -> None:
    planned = Planned(id="i2", name="n", type="web", number=2, planned=T0 + timedelta(seconds=5))
    shown = processes([instance()], {}, [rollout("starting", planned)], (), T0, alarms={})
    assert [(p.id, p.state) for p in shown] == [("i1", "up"), ("i2", "initialized")]


def test_a_plan_that_is_over_shows_nothing() -> None:
    planned = Planned(id="i2", name="n", type="web", number=2, planned=T0)
    assert processes([], {}, [rollout("done", planned)], (), T0, alarms={}) == []


def test_one_that_is_leaving_is_not_shown() -> None:
    assert processes([instance()], {}, [], {"i1"}, T0, alarms={}) == []


def test_they_come_oldest_first() -> None:
    old = instance("i9", number=9, started=T0 - timedelta(days=1))
    shown = processes([instance("i2", number=2), instance("i1"), old], {}, [], (), T0, alarms={})
    assert [p.number for p in shown] == [9, 1, 2]


def test_a_container_keeps_its_uuid() -> None:
    first, again = (processes([instance()], {}, [], (), T0, alarms={})[0].uuid for _ in range(2))
    assert first == again
    assert len(first) == 36
