"""Judgement, whatever happens: verdicts are sound, and none comes without a change."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from libs.keyspace.records import Check, Health
from services.health_checker.judgement import Judgement
from services.health_checker.pace import budget
from services.health_checker.probe import PASSED, Outcome
from services.health_checker.target import Target
from tests.unit.health_checker.runs import ANSWERED, FAULT, REFUSED, RUN, WAITING, Run, brief

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
