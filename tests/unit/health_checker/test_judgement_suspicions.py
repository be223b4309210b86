"""Judgement on who is suspected: each suspicion is answered by what is seen after it."""

from __future__ import annotations

from datetime import timedelta

from services.health_checker.judgement import CLOCKS_APART
from services.health_checker.probe import PASSED
from tests.unit.health_checker.runs import REFUSED, RUN, TCP, Run


def test_a_pass_answers_a_suspicion_by_a_verdict_that_is_not_before_it() -> None:
    run = Run()
    (up,) = run.ready(PASSED)
    assert run.suspect(0.2)
    (answer,) = run.ready(PASSED)
    assert (answer.ready, answer.confirmed, answer.since) == (True, run.now, up.since)
    assert run.ready(PASSED, PASSED) == [], "it is answered once"
    assert run.suspect(3600), "of a router whose clock is ahead"
    assert run.ready(PASSED)[0].confirmed == RUN + timedelta(hours=1)


def test_of_several_suspicions_the_latest_is_answered_for_all() -> None:
    run = Run()
    run.ready(PASSED)
    assert run.suspect(5)
    assert not run.suspect(5), "that is no news"
    assert run.suspect(7)
    assert [one.confirmed for one in run.ready(PASSED)] == [RUN + timedelta(seconds=7)]
    assert not run.suspect(6), "it is answered already"


def test_a_suspected_one_that_fails_becomes_unready_at_its_threshold_and_is_answered_when_it_is_ready_again() -> None:
    run = Run(readiness=TCP.changed(success_threshold=2))
    run.ready(PASSED, PASSED)
    run.suspect(0.4)
    (down,) = run.ready(*[REFUSED] * 9)
    assert (down.ready, down.confirmed) == (False, None)
    (up,) = run.ready(PASSED, PASSED)
    assert (up.ready, up.confirmed) == (True, run.now)


def test_a_probe_from_before_the_suspicion_was_heard_does_not_answer_it() -> None:
    run = Run()
    run.ready(PASSED)
    began, run.age = run.age, run.age + 1
    run.suspect(run.age)
    assert run.judgement.hear("readiness", PASSED, began=began, at=run.age, now=run.now) is None
    assert run.judgement.suspected is not None
    assert run.ready(PASSED)[0].confirmed is not None


def test_a_suspicion_of_an_earlier_run_or_one_that_ended_is_not_answered() -> None:
    run = Run()
    run.ready(PASSED)
    assert not run.suspect(-CLOCKS_APART.total_seconds() - 1)
    assert run.suspect(1)
    assert not run.judgement.suspect(None, run.age)
    assert run.judgement.suspected is None
    assert run.ready(PASSED) == []


def test_an_answer_outlives_later_verdicts_and_the_checker() -> None:
    run = Run()
    run.ready(PASSED)
    run.suspect(1)
    (answer,) = run.ready(PASSED)
    (down,) = run.ready(*[REFUSED] * 3)
    assert down.confirmed == answer.confirmed
    run.restart(down)
    assert not run.suspect(1)
    assert run.ready(PASSED)[0].confirmed == answer.confirmed
