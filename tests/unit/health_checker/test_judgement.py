"""Judgement: verdicts on readiness, and on starting up."""

from __future__ import annotations

from datetime import timedelta

from services.health_checker.judgement import NOT_READY_YET, NOT_YET_SECONDS
from services.health_checker.pace import budget
from services.health_checker.probe import PASSED
from tests.unit.health_checker.runs import ANSWERED, FAULT, QUICK, REFUSED, RUN, TCP, WAITING, Run, brief, verdict

# Readiness, where there is no other check.


def test_the_first_pass_is_a_verdict_on_this_run_that_tells_how_it_came_to_it() -> None:
    run = Run()
    (up,) = run.ready(REFUSED, REFUSED, PASSED, PASSED)
    assert (up.started, up.ready, up.live, up.reason, up.run) == (True, True, True, "", RUN)
    assert (up.probes, up.before, up.took_seconds) == (3, REFUSED.reason, 0.003)
    assert up.since == RUN + timedelta(seconds=0.75)


def test_a_failing_check_is_one_verdict_at_its_threshold_with_its_reason() -> None:
    _, down = Run().ready(PASSED, *[ANSWERED] * 9)
    assert (down.started, down.ready, down.live, down.reason) == (True, False, True, ANSWERED.reason)
    assert (down.probes, down.before) == (4, "")


def test_a_restarted_checker_goes_on_from_the_recorded_verdict() -> None:
    up = verdict(started=True, ready=True, probes=7, before=REFUSED.reason)
    assert Run(last=up).judgement.started
    assert Run(last=up).ready(*[PASSED] * 5) == []
    assert Run(last=up).ready(REFUSED, REFUSED, PASSED) == []
    assert Run(last=up).ready(*[REFUSED] * 3)[0].probes == 10
    down = verdict(started=True, ready=False, reason=REFUSED.reason)
    assert Run(last=down).ready(*[REFUSED] * 50) == []
    assert Run(last=down).ready(PASSED)[0].before == REFUSED.reason


def test_a_verdict_on_an_earlier_run_is_not_gone_on_from() -> None:
    earlier = verdict(started=True, ready=True, run=RUN - timedelta(hours=1), probes=9)
    run = Run(last=earlier)
    assert not run.judgement.started
    (up,) = run.ready(REFUSED, PASSED)
    assert (up.started, up.ready, up.run, up.probes) == (True, True, RUN, 2)


def test_a_run_that_does_not_come_up_says_why_after_a_while_and_only_once() -> None:
    found = Run().ready(*[REFUSED] * 200)
    assert brief(found) == [(False, False, True)]
    assert found[0].reason == REFUSED.reason
    soon = int(NOT_YET_SECONDS / 0.25)
    assert Run().ready(*[REFUSED] * soon) == []
    assert len(Run().ready(*[REFUSED] * (soon + 1))) == 1


def test_it_says_why_again_when_the_reason_changed_but_at_most_once_a_period_and_since_stays() -> None:
    period = int(TCP.period_seconds / 0.25)
    found = Run().ready(*[REFUSED] * 9, *[ANSWERED, REFUSED] * period)
    assert [one.reason for one in found] == [REFUSED.reason, ANSWERED.reason, REFUSED.reason][: len(found)]
    assert 2 <= len(found) <= 3
    assert len({one.since for one in found}) == 1, "it is not ready since its first verdict said so"


def test_a_run_that_only_has_to_wait_gets_no_verdict_for_waiting() -> None:
    assert Run().ready(*[WAITING] * 50, every=1.0) == []


def test_a_fault_of_the_checker_says_nothing_on_an_instance_that_has_started() -> None:
    assert brief(Run().ready(PASSED, *[FAULT] * 50, REFUSED, FAULT, REFUSED)) == [(True, True, True)]
    (waiting,) = Run().ready(*[FAULT] * 50)
    assert (waiting.started, waiting.ready, waiting.reason, waiting.probes) == (False, False, FAULT.reason, 0)


# Startup.


def test_a_startup_check_is_alone_until_it_passed_and_then_never_again() -> None:
    run = Run(startup=TCP, liveness=TCP)
    assert list(run.judgement.roles) == ["startup"]
    run.hear("startup", *[REFUSED] * 5, PASSED)
    assert list(run.judgement.roles) == ["readiness", "liveness"]
    run.ready(PASSED, *[REFUSED] * 9)
    assert list(run.judgement.roles) == ["readiness", "liveness"]


def test_passing_the_startup_check_is_a_start_and_readiness_follows_by_its_own_check() -> None:
    run = Run(startup=TCP)
    (started,) = run.hear("startup", REFUSED, PASSED)
    assert (started.started, started.ready, started.live, started.reason) == (True, False, True, NOT_READY_YET)
    (ready,) = run.ready(ANSWERED, PASSED)
    assert (ready.started, ready.ready, ready.reason) == (True, True, "")
    assert (ready.probes, ready.before) == (4, ANSWERED.reason)


def test_what_has_started_and_does_not_become_ready_says_why_after_a_while_and_since_its_start() -> None:
    run = Run(startup=TCP)
    (started,) = run.hear("startup", PASSED)
    (late,) = run.ready(*[ANSWERED] * 30)
    assert (late.started, late.ready, late.reason, late.since) == (True, False, ANSWERED.reason, started.since)


def test_a_startup_check_that_did_not_pass_within_its_budget_makes_it_not_live_once() -> None:
    run = Run(startup=QUICK)
    assert run.hear("startup", *[REFUSED] * 7) == []
    (down,) = run.hear("startup", REFUSED)
    assert (down.started, down.ready, down.live, down.reason) == (False, False, False, REFUSED.reason)
    assert down.live_reason == f"did not start within 2 s: {REFUSED.reason}"
    assert run.hear("startup", *[REFUSED] * 400) == []


def test_the_budget_ends_on_time_although_a_probe_is_still_under_way() -> None:
    run = Run(startup=QUICK)
    run.hear("startup", REFUSED)
    run.age = budget(QUICK) - 0.001
    assert run.judgement.look(run.now) is None
    run.age = budget(QUICK)
    down = run.judgement.look(run.now)
    assert down is not None
    assert (down.live, down.live_reason) == (False, f"did not start within 2 s: {REFUSED.reason}")
    assert run.judgement.look(run.now) is None
    assert run.hear("startup", REFUSED) == []


def test_one_that_starts_after_its_budget_is_live_again() -> None:
    run = Run(startup=QUICK)
    run.hear("startup", *[REFUSED] * 9)
    (up,) = run.hear("startup", PASSED)
    assert (up.started, up.live, up.live_reason) == (True, True, "")


def test_what_nobody_could_look_at_or_only_has_to_wait_is_not_overdue() -> None:
    for says_nothing in (FAULT, WAITING):
        run = Run(startup=QUICK)
        run.hear("startup", *[says_nothing] * 100)
        assert run.judgement.look(run.now) is None
        assert all(one.live for one in run.told)
    fresh = Run(startup=QUICK, age=3600)
    assert fresh.judgement.look(fresh.now) is None, "no probe has ended yet"


def test_a_restarted_checker_goes_on_with_one_that_did_not_start() -> None:
    run = Run(startup=QUICK)
    (down,) = run.hear("startup", *[REFUSED] * 9)
    run.restart(down)
    assert run.judgement.look(run.now) is None
    assert run.hear("startup", *[REFUSED] * 50) == []
    assert brief(run.hear("startup", PASSED)) == [(True, False, True)]
