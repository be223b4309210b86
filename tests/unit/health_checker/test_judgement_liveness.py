"""Judgement on liveness: when it begins, fails, and is there again."""

from __future__ import annotations

from services.health_checker.judgement import NOT_PROVEN_YET
from services.health_checker.probe import PASSED
from tests.unit.health_checker.runs import ANSWERED, FAULT, REFUSED, RUN, TCP, Run, brief


def test_liveness_begins_after_the_start_and_not_before() -> None:
    run = Run(liveness=TCP)
    assert list(run.judgement.roles) == ["readiness"]
    run.ready(REFUSED)
    assert list(run.judgement.roles) == ["readiness"]
    run.ready(PASSED)
    assert list(run.judgement.roles) == ["readiness", "liveness"]


def test_it_is_ready_for_the_first_time_once_its_liveness_check_has_passed_too() -> None:
    run = Run(liveness=TCP)
    (started,) = run.ready(PASSED)
    assert (started.started, started.ready, started.reason) == (True, False, NOT_PROVEN_YET)
    assert run.ready(PASSED) == []
    (ready,) = run.hear("liveness", PASSED)
    assert (ready.ready, ready.live, ready.reason) == (True, True, "")
    run.ready(*[REFUSED] * 3)
    assert brief(run.ready(PASSED)) == [(True, True, True)]


def test_a_liveness_check_that_never_passes_says_why_and_fails_by_its_periods_whatever_its_pace() -> None:
    run = Run(liveness=TCP.changed(period_seconds=10, initial_delay_seconds=5))
    run.ready(PASSED)
    (why,) = run.hear("liveness", *[REFUSED] * 90)
    assert (why.ready, why.live, why.reason) == (False, True, f"{NOT_PROVEN_YET}: {REFUSED.reason}")
    (down,) = run.hear("liveness", *[REFUSED] * 200)
    assert brief([down]) == [(True, False, False)]
    assert 5 + 2 * 9 <= (down.since - RUN).total_seconds() <= 5 + 2 * 10 + 1
    (up,) = run.hear("liveness", PASSED)
    assert brief([up]) == [(True, True, True)]


def test_liveness_fails_at_its_threshold_with_its_reason_and_readiness_stays_what_it_is() -> None:
    run = Run(liveness=TCP)
    run.up()
    assert run.hear("liveness", REFUSED, REFUSED, PASSED, REFUSED, REFUSED) == []
    (down,) = run.hear("liveness", ANSWERED, REFUSED, REFUSED)
    assert (down.ready, down.live, down.reason, down.live_reason) == (True, False, "", ANSWERED.reason)
    assert run.hear("liveness", *[REFUSED] * 50) == []


def test_one_that_was_not_live_is_so_again_at_its_threshold_of_passes() -> None:
    run = Run(liveness=TCP.changed(success_threshold=2))
    run.up()
    run.hear("liveness", *[REFUSED] * 3)
    (up,) = run.hear("liveness", PASSED, REFUSED, PASSED, PASSED)
    assert (up.live, up.live_reason) == (True, "")


def test_a_fault_of_ours_is_no_failure_of_liveness() -> None:
    run = Run(liveness=TCP)
    run.up()
    assert run.hear("liveness", *[FAULT] * 50, REFUSED, FAULT, REFUSED, FAULT) == []
    assert brief(run.hear("liveness", REFUSED)) == [(True, True, False)]


def test_a_restarted_checker_goes_on_with_one_that_is_not_live() -> None:
    run = Run(liveness=TCP)
    run.up()
    (down,) = run.hear("liveness", *[REFUSED] * 3)
    run.restart(down)
    assert list(run.judgement.roles) == ["readiness", "liveness"]
    assert run.hear("liveness", *[REFUSED] * 9) == []
    (unready,) = run.ready(*[REFUSED] * 3)
    assert (unready.live, unready.live_reason) == (False, REFUSED.reason)
    assert brief(run.hear("liveness", PASSED)) == [(True, False, True)]
