from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from libs.keyspace.records import Check
from services.health_checker.pace import GRID, LONGEST, RESUME_WITHIN, SHORTEST, first_delay, next_time

RUN = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.floats(0, 600))
def test_a_run_that_comes_up_is_seen_within_a_quarter_of_its_time_or_a_quarter_of_a_second(up: float) -> None:
    probed, probes = 0.0, 1
    while probed < up:
        probed = next_time(Check(), started=False, first=0, began=probed)
        probes += 1
    assert probed - up <= max(SHORTEST, min(up / 4, LONGEST))
    assert probes <= 20 + up / LONGEST


@given(st.floats(0.1, 600), st.floats(0, 1e6))
def test_a_started_one_is_probed_at_its_period_with_some_jitter(period: float, began: float) -> None:
    due = next_time(Check(period_seconds=period), started=True, first=0, began=began)
    assert 0.9 * period - 1e-6 <= due - began <= 1.1 * period + GRID + 1e-6


@given(st.lists(st.floats(0, 1), min_size=20, max_size=20))
def test_many_are_probed_in_few_wake_ups(begins: list[float]) -> None:
    check = Check(period_seconds=1)
    assert len({next_time(check, started=True, first=0, began=began) for began in begins}) <= 1.2 / GRID + 2


@given(st.floats(0, 100), st.floats(-50, 200))
def test_the_initial_delay_counts_from_the_beginning_of_the_run(initial: float, age: float) -> None:
    check = Check(initial_delay_seconds=initial)
    delay = first_delay(check, started=False, run=RUN, now=RUN + timedelta(seconds=age))
    assert 0 <= delay <= initial
    if age <= 0:
        assert delay == initial
    if age >= initial:
        assert delay < 1e-5  # a timestamp counts microseconds


def test_there_is_no_initial_delay_by_default_nor_for_one_that_has_started() -> None:
    assert first_delay(Check(), started=False, run=None, now=RUN) == 0
    assert first_delay(Check(initial_delay_seconds=60), started=True, run=RUN, now=RUN) <= RESUME_WITHIN
