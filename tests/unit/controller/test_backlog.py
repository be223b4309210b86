"""What a follower is still to be told."""

from __future__ import annotations

from collections import deque
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.controller.backlog import Backlog

MOST = 5


def lines_of(told: list[dict[str, Any]]) -> list[int]:
    return [one["line"] for one in told if one["event"] == "log"]


def lost_of(told: list[dict[str, Any]]) -> int:
    return sum(one["lines"] for one in told if one["event"] == "lost")


def test_a_release_that_changed_again_before_it_was_told_is_told_once_as_it_is() -> None:
    backlog = Backlog(MOST)
    backlog.release({"version": 2, "phase": "starting"})
    backlog.line({"line": 1})
    backlog.release({"version": 2, "phase": "routing"})
    backlog.release({"version": 3, "phase": "preparing"})
    assert [(one["event"], one.get("phase")) for one in backlog.take()] == [
        ("log", None),
        ("release", "routing"),
        ("release", "preparing"),
    ]
    assert not backlog


def test_what_was_lost_is_told_before_what_came_after() -> None:
    backlog = Backlog(2)
    for number in range(5):
        backlog.line({"line": number})
    assert backlog.take(1) == [{"event": "lost", "lines": 3}, {"event": "log", "line": 3}]
    assert backlog.take(1) == [{"event": "log", "line": 4}]
    assert backlog.take(1) == []


def test_a_release_is_never_lost_and_waits_for_no_helping() -> None:
    backlog = Backlog(2)
    backlog.release({"version": 2})
    for number in range(5):
        backlog.line({"line": number})
    assert [one["event"] for one in backlog.take(0)] == ["lost", "release"]
    assert lines_of(backlog.take()) == [3, 4]


@given(st.lists(st.one_of(st.just("line"), st.just("release"), st.integers(0, 4))))
def test_every_line_is_told_in_order_or_counted(steps: list[str | int]) -> None:
    backlog, told, said, waiting = Backlog(MOST), [], 0, deque[int](maxlen=MOST)
    for step in steps:
        match step:
            case "line":
                backlog.line({"line": said})
                waiting.append(said)
                said += 1
            case "release":
                backlog.release({"version": 2, "phase": str(said)})
            case int():
                helping = backlog.take(step)
                assert lines_of(helping) == [waiting.popleft() for _ in range(min(step, len(waiting)))]
                told += helping
    last = backlog.take()
    assert lines_of(last) == list(waiting)
    told += last
    assert lines_of(told) == sorted(lines_of(told))
    assert len(lines_of(told)) + lost_of(told) == said
    assert not backlog
