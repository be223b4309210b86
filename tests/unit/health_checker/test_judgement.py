from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from libs.keyspace.records import Check, Health, TcpAction
from services.health_checker.judgement import NOT_YET_SECONDS, Judgement
from services.health_checker.probe import PASSED, Outcome
from services.health_checker.target import Target

RUN = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOW = datetime(2026, 1, 1, 13, tzinfo=UTC)
REFUSED = Outcome(passed=False, reason="connection refused at 10.1.0.2:5000")
ANSWERED = Outcome(passed=False, reason="GET / answered 503, wants 200–399")  # noqa: RUF001


def target(check: Check | None = None) -> Target:
    return Target("shop_v2.web.1-a1", "10.1.0.2", 5000, RUN, check or Check(tcp=TcpAction()))


def verdict(*, started: bool, ready: bool, reason: str = "", run: datetime = RUN) -> Health:
    return Health(started=started, ready=ready, live=True, since=NOW, run=run, reason=reason)


def hear(judgement: Judgement, *outcomes: Outcome, begin: float = 100.0, every: float = 0.25) -> list[Health]:
    found = (judgement.hear(one, at=begin + number * every, now=NOW) for number, one in enumerate(outcomes))
    return [one for one in found if one is not None]


def test_the_first_pass_is_a_verdict_on_this_run() -> None:
    assert hear(Judgement(target(), None), REFUSED, REFUSED, PASSED, PASSED) == [verdict(started=True, ready=True)]


def test_a_failing_check_is_one_verdict_at_its_threshold_with_its_reason() -> None:
    found = hear(Judgement(target(), None), PASSED, *[ANSWERED] * 9)
    assert found[1:] == [verdict(started=True, ready=False, reason=ANSWERED.reason)]


def test_a_restarted_checker_goes_on_from_the_recorded_verdict() -> None:
    up = verdict(started=True, ready=True)
    assert Judgement(target(), up).started
    assert hear(Judgement(target(), up), *[PASSED] * 5) == []
    assert hear(Judgement(target(), up), REFUSED, REFUSED, PASSED) == []
    down = verdict(started=True, ready=False, reason=REFUSED.reason)
    assert hear(Judgement(target(), down), *[REFUSED] * 50) == []


def test_a_verdict_on_an_earlier_run_is_not_gone_on_from() -> None:
    earlier = verdict(started=True, ready=True, run=datetime(2026, 1, 1, 11, tzinfo=UTC))
    judgement = Judgement(target(), earlier)
    assert not judgement.started
    assert hear(judgement, REFUSED, PASSED) == [verdict(started=True, ready=True)]


def test_a_run_that_does_not_come_up_says_why_after_a_while_and_only_once() -> None:
    found = hear(Judgement(target(), None), *[REFUSED] * 200)
    assert found == [verdict(started=False, ready=False, reason=REFUSED.reason)]
    soon = int(NOT_YET_SECONDS / 0.25)
    assert hear(Judgement(target(), None), *[REFUSED] * soon) == []
    assert len(hear(Judgement(target(), None), *[REFUSED] * (soon + 1))) == 1


def test_it_says_why_again_when_the_reason_changed_but_at_most_once_a_period() -> None:
    period = int(Check().period_seconds / 0.25)
    found = hear(Judgement(target(), None), *[REFUSED] * 9, *[ANSWERED, REFUSED] * period)
    assert [one.reason for one in found] == [REFUSED.reason, ANSWERED.reason, REFUSED.reason][: len(found)]
    assert len(found) <= 3


def test_a_run_that_only_has_to_wait_gets_no_verdict_for_waiting() -> None:
    waiting = Outcome(passed=False, reason="it has to stay up for 5 s", again=1.0)
    assert hear(Judgement(target(), None), *[waiting] * 50, every=1.0) == []


def test_a_fault_of_the_checker_says_nothing_on_an_instance_that_has_started() -> None:
    fault = Outcome(passed=False, reason="the checker cannot connect: too many open files", fault=True)
    judgement = Judgement(target(), None)
    assert hear(judgement, PASSED, *[fault] * 50, REFUSED, fault, REFUSED) == [verdict(started=True, ready=True)]
    waiting = hear(Judgement(target(), None), *[fault] * 50)
    assert waiting == [verdict(started=False, ready=False, reason=fault.reason)]


FAULT = Outcome(passed=False, reason="the probe broke", fault=True)
outcomes = st.lists(st.sampled_from([PASSED, REFUSED, ANSWERED, FAULT]), max_size=40)
checks = st.builds(Check, success_threshold=st.integers(1, 3), failure_threshold=st.integers(1, 3))


@given(checks, outcomes, outcomes)
def test_going_on_after_a_restart_never_repeats_the_last_verdict(
    check: Check, before: list[Outcome], after: list[Outcome]
) -> None:
    told = hear(Judgement(target(check), None), *before)
    last = told[-1] if told else None
    again = hear(Judgement(target(check), last), *after)
    chain = [*told, *again]
    assert all(one != other for one, other in pairwise(chain))
    for one, other in pairwise(chain):
        assert one.ready is not other.ready or not one.started
        assert other.started or not one.started


@given(checks, outcomes)
def test_the_last_verdict_is_the_present_state(check: Check, many: list[Outcome]) -> None:
    judgement = Judgement(target(check), None)
    told = hear(judgement, *many)
    assert judgement._tally.ready is (told[-1].ready if told else False)
    assert judgement.started is any(one.started for one in told)
