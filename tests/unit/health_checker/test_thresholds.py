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


@given(checks, outcomes, st.booleans())
def test_it_holds_if_and_only_if_enough_outcomes_in_a_row_said_so(check: Check, many: list[bool], held: bool) -> None:
    holds, passes, failures = held, 0, 0
    for passed, tally in zip(many, course(check, many, Tally(holds=held))[1:], strict=True):
        passes, failures = (passes + 1, 0) if passed else (0, failures + 1)
        if passes >= check.success_threshold:
            holds = True
        if failures >= check.failure_threshold:
            holds = False
        assert tally.holds is holds


@given(checks, outcomes)
def test_outcomes_that_agree_with_the_state_change_nothing(check: Check, many: list[bool]) -> None:
    last = course(check, many)[-1]
    assert all(tally.holds is last.holds for tally in course(check, [last.holds] * 9, last))
    assert last.after(last.holds, check) == Tally(holds=last.holds)


@given(checks.filter(lambda check: check.failure_threshold > 1), st.integers(1, 20))
def test_single_failures_between_passes_never_make_it_fail(check: Check, times: int) -> None:
    up = course(check, [True] * check.success_threshold)[-1]
    assert all(tally.holds for tally in course(check, [False, True] * times, up))


def test_by_default_one_pass_makes_it_hold_and_three_failures_end_that() -> None:
    states = course(Check(), [True, False, False, False, False, True])
    assert [tally.holds for tally in states] == [False, True, True, True, False, False, True]
