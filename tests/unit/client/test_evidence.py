from __future__ import annotations

from typing import Any

import pytest

from libs.client.api.apps import UnderWay
from libs.client.api.releases import Release
from libs.client.evidence import at as moment
from libs.client.evidence import first_asked, in_brief, instance_lines, offset, outcome, progress

ASKED = "2026-01-02T03:04:05.500000Z"


def release(**fields: Any) -> Release:
    return Release.model_validate({"version": 5, "asked": ASKED, **fields})


def at(seconds: float) -> str:
    return f"2026-01-02T03:04:{5.5 + seconds:09.6f}Z"


CAME = {
    "id": "a",
    "title": "web.1",
    "release": 5,
    "node": "n1",
    "planned": at(0.02),
    "started": at(0.8),
    "ready": at(1.2),
    "routed": at(1.25),
    "probes": 3,
    "took_seconds": 0.0021,
    "probe": "connection refused to 10.1.2.3:5000",
    "routers": {"r1": {"routed": at(1.25)}},
}
LEFT = {
    "id": "b",
    "title": "web.1",
    "release": 4,
    "node": "n1",
    "routers": {"r1": {"withdrawn": at(1.3), "gone": at(4.1)}},
    "reason": "replaced by v5",
    "retired": at(1.26),
    "drained": at(4.1),
    "in_flight": 3,
    "websockets": 2,
    "stopped": at(31.5),
}


def test_an_instances_course_is_told_from_the_moment_the_change_was_asked_for() -> None:
    assert list(instance_lines(release(instances=[LEFT, CAME]))) == [
        "web.1 (v5) on n1: running +0.800s, ready +1.200s (3 probes, the last took 0.002s), in rotation +1.250s",
        "    last probe that failed: connection refused to 10.1.2.3:5000",
        "    router r1: in rotation +1.250s",
        (
            "web.1 (v4) on n1: retired +1.260s (replaced by v5), drained +4.100s, "
            "stopped +31.500s with 3 in flight, 2 of them WebSockets"
        ),
        "    router r1: withdrawn +1.300s, gone +4.100s",
    ]


def test_what_is_not_known_of_an_instance_is_not_made_up() -> None:
    shown = list(instance_lines(release(instances=[{"title": "web.1"}, {"title": "cmd.2", "stopped": at(1)}])))
    assert shown == ["cmd.2: stopped +1.000s with no router's word on what was in flight", "web.1: planned"]


def test_of_a_process_without_requests_no_router_is_missed() -> None:
    shown = list(instance_lines(release(instances=[{"title": "worker.1", "stopped": at(1)}])))
    assert shown == ["worker.1: stopped +1.000s"]


def test_times_of_a_release_that_was_restarted_count_from_when_it_was_first_asked_for() -> None:
    evidence = [{"phase": "preparing", "began": ASKED, "seconds": 0.5}, {"phase": "retiring", "began": at(9)}]
    again = release(asked=at(9), instances=[{"title": "web.1", "started": at(2)}], evidence=evidence)
    assert list(instance_lines(again)) == ["web.1: running +2.000s"]
    assert first_asked(again) == moment(ASKED)
    assert first_asked(release(asked=None)) is None


@pytest.mark.parametrize(("count", "wanted"), [(0, "with nothing in flight"), (1, "with 1 in flight")])
def test_what_was_in_flight_at_a_stop_is_told(count: int, wanted: str) -> None:
    one = {"title": "web.1", "stopped": at(1), "in_flight": count, "websockets": 0}
    assert list(instance_lines(release(instances=[one]))) == [f"web.1: stopped +1.000s {wanted}"]


def test_an_instance_that_never_was_ready_tells_how_often_it_was_probed() -> None:
    one = {"title": "web.1", "planned": at(0), "started": at(1), "probes": 1, "probe": "GET / answered 500"}
    assert list(instance_lines(release(instances=[one]))) == [
        "web.1: running +1.000s, not ready after 1 probe",
        "    last probe that failed: GET / answered 500",
    ]


def test_instances_are_in_the_order_of_their_numbers() -> None:
    titles = ["web.10", "web.2", "cmd.1", "odd"]
    shown = list(instance_lines(release(instances=[{"title": title} for title in titles])))
    assert [line.partition(":")[0] for line in shown] == ["cmd.1", "odd", "web.2", "web.10"]


@pytest.mark.parametrize(
    ("time", "wanted"),
    [(at(1.5), "+1.500s"), ("2026-01-02T03:04:05Z", "-0.500s"), ("2026-01-02T04:04:06.500+01:00", "+1.000s")],
)
def test_an_offset_may_be_of_before_and_of_any_zone(time: str, wanted: str) -> None:
    assert offset(time, moment(ASKED)) == wanted
    assert offset(time, None) == time


@pytest.mark.parametrize("time", ["soon", "2026-01-02T03:04:05UTC", "2026-01-02T03:04:05"])
def test_a_time_that_cannot_be_read_is_shown_as_it_is(time: str) -> None:
    shown = list(instance_lines(release(instances=[{"title": "web.1", "started": time}])))
    assert shown == [f"web.1: running {time}"]


def test_progress_counts_those_that_come_and_tells_what_is_waited_for() -> None:
    coming = [CAME, {"title": "web.2", "planned": at(0)}, LEFT, {**CAME, "title": "web.3", "retired": at(2)}]
    under_way = release(phase="starting", waiting="web.2 to start", instances=coming)
    assert progress(under_way) == "starting    1/2 ready; waits for web.2 to start"
    assert progress(release(phase="preparing")) == "preparing"
    assert progress(release(phase="done", instances=[CAME], waiting="x")) == "done        1/1 ready"


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"phase": "done"}, "v5 is out"),
        (
            {"phase": "done", "evidence": [{"phase": "starting", "began": at(1), "seconds": 2.25}]},
            "v5 is out, 3.250s after it was asked for",
        ),
        ({"phase": "failed", "reason": "web.1 exited with code 1"}, "v5 failed: web.1 exited with code 1"),
        ({"phase": "failed"}, "v5 failed: nobody knows why"),
        ({"phase": "cancelled", "reason": "cancelled by ann"}, "v5 was cancelled by ann"),
        ({"phase": "cancelled"}, "v5 was cancelled"),
        ({"phase": "superseded", "reason": ""}, "v5 was superseded"),
        ({"phase": "superseded", "reason": "v6 came"}, "v5 was superseded: v6 came"),
        ({"phase": ""}, "v5 has nothing to roll out"),
        ({}, "v5 has nothing to roll out"),
    ],
)
def test_an_outcome_is_one_line(fields: dict[str, Any], wanted: str) -> None:
    assert release(**fields).settled
    assert outcome(release(**fields)) == wanted


def test_a_rollout_in_brief() -> None:
    assert in_brief(UnderWay(release="v5", phase="routing")) == "v5 routing"
    waits = UnderWay(release="v5", phase="starting", waiting="web.2 to start")
    assert in_brief(waits) == "v5 starting, waits for web.2 to start"
