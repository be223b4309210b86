from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from libs.keyspace.records import Check
from services.health_checker.thresholds import Tally

checks = st.builds(Check, success_threshold=st.integers(1, 4), failure_threshold=st.integers(1, 4))
outcomes = st.lists(st.booleans(), max_size=30)


def course(check: Check, many: list[bool], tally: Tally = Tally()) -> list[Tally]:  # noqa: B008 - frozen
    states = [tally]
    for passed in many:
        states.append(states[-1].after(passed, check))
    return states


@given(checks, outcomes)
def test_it_is_ready_if_and_only_if_enough_outcomes_in_a_row_said_so(check: Check, many: list[bool]) -> None:
    ready, passes, failures = False, 0, 0
    for passed, tally in zip(many, course(check, many)[1:], strict=True):
        passes, failures = (passes + 1, 0) if passed else (0, failures + 1)
        if passes >= check.success_threshold:
            ready = True
        if failures >= check.failure_threshold:
            ready = False
        assert tally.ready is ready


@given(checks, outcomes)
def test_started_comes_with_the_first_readiness_and_never_ends(check: Check, many: list[bool]) -> None:
    was_ready = False
    for tally in course(check, many):
        was_ready = was_ready or tally.ready
        assert tally.started is was_ready


@given(checks, outcomes)
def test_outcomes_that_agree_with_the_state_change_nothing(check: Check, many: list[bool]) -> None:
    last = course(check, many)[-1]
    assert all(tally.ready is last.ready for tally in course(check, [last.ready] * 9, last))
    assert last.after(last.ready, check) == Tally(started=last.started, ready=last.ready)


@given(checks.filter(lambda check: check.failure_threshold > 1), st.integers(1, 20))
def test_single_failures_between_passes_never_make_it_unready(check: Check, times: int) -> None:
    up = course(check, [True] * check.success_threshold)[-1]
    assert all(tally.ready for tally in course(check, [False, True] * times, up))


def test_by_default_one_pass_makes_it_ready_and_three_failures_unready() -> None:
    states = course(Check(), [True, False, False, False, False, True])
    assert [tally.ready for tally in states] == [False, True, True, True, False, False, True]
