from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from libs.keyspace.records import Check, Health, TcpAction
from services.health_checker.judgement import CLOCKS_APART, NOT_PROVEN_YET, NOT_READY_YET, NOT_YET_SECONDS, Judgement
from services.health_checker.pace import budget
from services.health_checker.probe import PASSED, Outcome
from services.health_checker.target import Role, Target

RUN = datetime(2026, 1, 1, 12, tzinfo=UTC)
REFUSED = Outcome(passed=False, reason="connection refused at 10.1.0.2:5000")
ANSWERED = Outcome(passed=False, reason="GET / answered 503, wants 200–399")  # noqa: RUF001
FAULT = Outcome(passed=False, reason="the checker cannot connect: too many open files", fault=True)
WAITING = Outcome(passed=False, reason="it has to stay up for 5 s", again=1.0)
TCP = Check(tcp=TcpAction())
QUICK = Check(tcp=TcpAction(), period_seconds=1, failure_threshold=2)  # a budget of two seconds


@dataclass
class Run:
    """One run and its judge; `age` is how long it has run, on any clock."""

    startup: Check | None = None
    readiness: Check = TCP
    liveness: Check | None = None
    last: Health | None = None
    age: float = 0.0
    told: list[Health] = field(default_factory=list)
    judgement: Judgement = field(init=False)

    def __post_init__(self) -> None:
        self.restart(self.last)

    @property
    def now(self) -> datetime:
        return RUN + timedelta(seconds=self.age)

    def restart(self, last: Health | None) -> None:
        """A checker begins to judge, from this verdict."""
        target = Target("shop-a1", "10.1.0.2", 5000, RUN, self.readiness, self.startup, self.liveness)
        self.judgement = Judgement(target, last)

    def hear(self, role: Role, *outcomes: Outcome, every: float = 0.25) -> list[Health]:
        """The verdicts on these outcomes, each `every` seconds after the one before."""
        found = []
        for one in outcomes:
            self.age += every
            verdict = self.judgement.hear(role, one, began=self.age, at=self.age, now=self.now, seconds=0.003)
            found += [verdict] if verdict else []
        self.told += found
        return found

    def ready(self, *outcomes: Outcome, every: float = 0.25) -> list[Health]:
        return self.hear("readiness", *outcomes, every=every)

    def up(self) -> None:
        """It passes its readiness and its liveness check."""
        self.ready(PASSED)
        self.hear("liveness", PASSED)

    def suspect(self, age: float) -> bool:
        return self.judgement.suspect(RUN + timedelta(seconds=age), self.age)


def brief(verdicts: list[Health]) -> list[tuple[bool, bool, bool]]:
    return [(one.started, one.ready, one.live) for one in verdicts]


def verdict(*, started: bool, ready: bool, live: bool = True, run: datetime = RUN, **fields: object) -> Health:
    given = {"started": started, "ready": ready, "live": live, "since": RUN, "run": run, **fields}
    return Health.model_validate(given)


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


# Liveness.


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


# Suspicions.


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


# Whatever happens.

outcomes = st.sampled_from([PASSED, REFUSED, ANSWERED, FAULT, WAITING])
checks = st.builds(
    Check,
    success_threshold=st.integers(1, 3),
    failure_threshold=st.integers(1, 3),
    period_seconds=st.floats(0.5, 3),
    initial_delay_seconds=st.floats(0, 3),
)
runs = st.builds(Run, startup=st.none() | checks, readiness=checks, liveness=st.none() | checks)
moves = st.lists(
    st.one_of(
        st.tuples(st.just("probe"), st.integers(0, 1), outcomes),
        st.tuples(st.just("suspect"), st.floats(-1, 20)),
        st.tuples(st.just("pass over"), st.floats(0, 3)),
        st.tuples(st.just("restart")),
    ),
    max_size=60,
)


def go(run: Run, move: tuple[object, ...]) -> Health | None:
    """Make one move; the verdict on it."""
    match move:
        case ("probe", int(which), Outcome() as outcome):
            roles = run.judgement.roles
            found = run.hear(roles[which % len(roles)], outcome)
            return found[-1] if found else None
        case ("suspect", float(age)):
            run.suspect(age)
        case ("pass over", float(seconds)):
            run.age += seconds
            verdict = run.judgement.look(run.now)
            run.told += [verdict] if verdict else []
            return verdict
        case ("restart",):
            run.restart(run.told[-1] if run.told else None)
    return None


@given(runs, moves)
def test_whatever_happens_the_verdicts_are_sound(run: Run, many: list[tuple[object, ...]]) -> None:
    for move in many:
        before = run.judgement.roles
        verdict = go(run, move)
        if verdict is None:
            continue
        assert verdict.started or not verdict.ready, "what is ready has started"
        assert (verdict.reason == "") is verdict.ready
        assert (verdict.live_reason == "") is verdict.live
        if not verdict.live:
            assert (run.startup if not verdict.started else run.liveness) is not None, "what runs is live"
            late = run.startup is not None and run.age >= budget(run.startup) - 1e-6  # a clock of microseconds
            assert verdict.started or late, "it had all the time that it may take"
        if verdict.started and "startup" in before:
            assert move[0] == "probe"
            assert move[2] is PASSED
    for one, other in pairwise(run.told):
        assert one != other, "nothing is said twice"
        assert other.started or not one.started, "a start is for the whole run"
        assert other.probes >= one.probes
        assert one.confirmed is None or (other.confirmed is not None and other.confirmed >= one.confirmed)
        moved = brief([one]) != brief([other])
        assert moved or other.confirmed != one.confirmed or (other.reason != one.reason and not other.ready)
        assert moved or one.since == other.since


@given(runs, moves)
def test_without_a_verdict_nothing_changes(run: Run, many: list[tuple[object, ...]]) -> None:
    """A second judge who hears only the verdicts stands where the first one does."""
    for move in many:
        go(run, move)
        target = Target("shop-a1", "10.1.0.2", 5000, RUN, run.readiness, run.startup, run.liveness)
        again = Judgement(target, run.told[-1] if run.told else None)
        assert again._standing() == run.judgement._standing()
        assert again.roles == run.judgement.roles


@given(runs, st.lists(st.just(FAULT), max_size=60))
def test_faults_alone_change_nothing(run: Run, many: list[Outcome]) -> None:
    for outcome in many:
        go(run, ("probe", 0, outcome))
        go(run, ("pass over", 1.0))
    assert run.judgement._standing() == (False, False, True)
