from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from libs.keyspace.records import Check, ExecAction
from services.health_checker.pace import (
    GRID,
    LONGEST,
    PATIENCE,
    SHORTEST,
    SPREAD,
    budget,
    coming_up,
    in_period,
    initial_delay,
    spread,
    suspected,
)

RUN = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.floats(0, 100))
def test_a_run_that_comes_up_is_seen_within_a_quarter_of_its_time_or_a_quarter_of_a_second(up: float) -> None:
    probed, probes = 0.0, 1
    while probed < up:
        probed = coming_up(Check(), first=0, began=probed)
        probes += 1
    assert probed - up <= max(SHORTEST, min(up / 4, LONGEST))
    assert probes <= 20 + up / LONGEST


@given(st.floats(0, 100))
def test_a_command_is_not_run_more_than_four_times_a_second(began: float) -> None:
    check = Check(exec=ExecAction(command=("true",)))
    assert abs(coming_up(check, first=0, began=began) - began - LONGEST) < 1e-9


@given(st.floats(0.5, 60), st.integers(1, 100), st.floats(0, 100_000))
def test_one_that_does_not_come_up_is_probed_often_while_it_may_and_then_ever_more_slowly(
    period: float, failures: int, age: float
) -> None:
    check = Check(period_seconds=period, failure_threshold=failures)
    pause = coming_up(check, first=0, began=age) - age
    assert SHORTEST - 1e-6 <= pause <= max(LONGEST, period) + 1e-6
    if age <= max(PATIENCE, 2 * budget(check)):
        assert pause <= LONGEST + 1e-6
    if age >= max(PATIENCE, 2 * budget(check)) + 60 * 60:
        assert abs(pause - max(LONGEST, period)) < 1e-3


@given(st.floats(0.1, 60), st.floats(0, 10_000))
def test_a_suspected_one_is_probed_often_and_then_ever_more_slowly_up_to_its_period(period: float, age: float) -> None:
    pause = suspected(Check(period_seconds=period), first=0, began=age) - age
    assert min(LONGEST, period) - 1e-6 <= pause <= period + 1e-6
    if age <= SPREAD:
        assert pause <= LONGEST + 1e-6
    if age >= SPREAD + 60 * 60:
        assert abs(pause - period) < 1e-3


@given(st.floats(0.1, 600), st.floats(0, 1e6))
def test_one_that_is_up_is_probed_at_its_period_with_some_jitter(period: float, began: float) -> None:
    due = in_period(Check(period_seconds=period), began=began)
    assert 0.9 * period - 1e-6 <= due - began <= 1.1 * period + GRID + 1e-6


@given(st.lists(st.floats(0, 1), min_size=20, max_size=20))
def test_many_are_probed_in_few_wake_ups(begins: list[float]) -> None:
    check = Check(period_seconds=1)
    assert len({in_period(check, began=began) for began in begins}) <= 1.2 / GRID + 2


@given(st.floats(0, 100), st.floats(-50, 200))
def test_the_initial_delay_counts_from_the_beginning_of_the_run(initial: float, age: float) -> None:
    check = Check(initial_delay_seconds=initial)
    delay = initial_delay(check, RUN, RUN + timedelta(seconds=age))
    assert 0 <= delay <= initial
    if age <= 0:
        assert delay == initial
    if age >= initial:
        assert delay < 1e-5  # a timestamp counts microseconds


def test_there_is_no_initial_delay_by_default_and_first_probes_that_nobody_waits_for_are_spread() -> None:
    assert initial_delay(Check(), None, RUN) == 0
    assert 0 <= spread(Check(period_seconds=3)) <= 3
    assert 0 <= spread(Check(period_seconds=3600)) <= SPREAD


def test_a_startup_check_has_its_initial_delay_and_a_period_for_each_failure() -> None:
    assert budget(Check()) == 30
    assert budget(Check(initial_delay_seconds=5, period_seconds=2, failure_threshold=10)) == 25
