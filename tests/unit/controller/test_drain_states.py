"""How a drain fares, of what each logger says of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from libs.keyspace.records import DrainState
from services.controller.drain_states import summed
from services.controller.shapes import Shape

AT = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = 1_000_000_000


def state(**fields: Any) -> DrainState:
    return DrainState(**{"since": AT, "updated": AT, **fields})


def sum_of(states: dict[str, DrainState], *loggers: str) -> Shape:
    found = summed(states, loggers)
    assert found is not None
    return found


def test_where_no_logger_has_said_anything_there_is_no_state() -> None:
    assert summed({}, {"a"}) is None


def test_all_is_well_where_nothing_fails() -> None:
    assert sum_of({"a": state(sent=3, until=5 * SECOND + 7)}, "a") == {
        "sent": 3,
        "dropped": 0,
        "waiting": 0,
        "until": "1970-01-01T00:00:05UTC",
        "error": "",
        "failing": None,
    }


def test_what_was_sent_and_dropped_counts_of_loggers_that_are_gone() -> None:
    found = sum_of({"a": state(sent=3, dropped=1), "gone": state(sent=10, dropped=2)}, "a", "b")
    assert (found["sent"], found["dropped"]) == (13, 3)


def test_what_waits_and_fails_is_told_by_loggers_that_are_there() -> None:
    gone = state(waiting=5, error="away", failing=AT)
    found = sum_of({"a": state(waiting=2), "gone": gone}, "a")
    assert (found["waiting"], found["error"], found["failing"]) == (2, "", None)


def test_the_last_words_count_while_no_logger_is_there() -> None:
    found = sum_of({"gone": state(waiting=5, error="away", failing=AT)})
    assert (found["waiting"], found["error"], found["failing"]) == (5, "away", "2030-01-01T00:00:00UTC")


def test_of_several_that_fail_the_newest_word_and_the_oldest_time_are_told() -> None:
    first = state(error="refused", failing=AT - timedelta(hours=1), updated=AT)
    second = state(error="timed out", failing=AT, updated=AT + timedelta(seconds=1))
    found = sum_of({"a": first, "b": second}, "a", "b")
    assert (found["error"], found["failing"]) == ("timed out", "2029-12-31T23:00:00UTC")


def test_all_is_done_up_to_where_the_slowest_that_has_lines_waiting_is() -> None:
    ahead, behind, idle = state(until=9 * SECOND, waiting=1), state(until=4 * SECOND, waiting=1), state(until=SECOND)
    states = {"ahead": ahead, "behind": behind, "idle": idle}
    assert sum_of(states, *states)["until"] == "1970-01-01T00:00:04UTC"
    assert (
        sum_of({"ahead": state(until=9 * SECOND), "idle": idle}, "ahead", "idle")["until"] == "1970-01-01T00:00:09UTC"
    )
    assert sum_of({"new": state()}, "new")["until"] is None


@given(until=st.integers())
def test_no_time_that_a_record_may_have_fails(until: int) -> None:
    assert isinstance(sum_of({"a": state(until=until)}, "a")["until"], str | None)
