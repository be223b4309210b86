from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from prometheus_client import CollectorRegistry

from libs.keyspace.records import Check, Health, TcpAction
from services.health_checker.course import Course
from services.health_checker.probe import PASSED, Opened, Outcome
from services.health_checker.prober import Prober
from services.health_checker.target import Role, Target
from tests.support.virtual_time import VirtualLoop

RUN = datetime(2026, 1, 1, 12, tzinfo=UTC)
REFUSED = Outcome(passed=False, reason="connection refused at 10.1.0.2:5000")
FAULT = Outcome(passed=False, reason="the checker cannot connect", fault=True)
ROLES: tuple[Role, ...] = ("startup", "readiness", "liveness")


def tcp(**changes: object) -> Check:
    return Check.model_validate({"tcp": TcpAction(), **changes})


@dataclass
class World:
    """One instance over virtual time; its run begins at time 0."""

    target: Target
    last: Health | None = None
    up: dict[Role, float] = field(default_factory=dict)  # from when on a probe passes; at once where it is missing
    takes: dict[Role, float] = field(default_factory=dict)
    fault: bool = False
    probed: dict[Role, list[float]] = field(default_factory=lambda: {role: [] for role in ROLES})
    told: list[tuple[float, Health]] = field(default_factory=list)
    in_flight: list[Role] = field(default_factory=list)
    doubled: bool = False  # two probes of one check were in flight
    tasks: int = 0  # alive
    course: Course = field(init=False)

    def time(self) -> float:
        return asyncio.get_running_loop().time()

    def wall(self) -> datetime:
        return RUN + timedelta(seconds=self.time())

    async def probe(self, target: Target, check: Check, action: object) -> Outcome:
        role = next(role for role in ROLES if getattr(target, role) is check)
        self.probed[role].append(self.time())
        self.doubled = self.doubled or role in self.in_flight
        self.in_flight.append(role)
        await asyncio.sleep(self.takes.get(role, 0.0))
        self.in_flight.remove(role)
        return FAULT if self.fault else PASSED if self.time() >= self.up.get(role, 0.0) else REFUSED

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        prober = Prober({"tcp": Opened(self.probe, 100)}, self.time, CollectorRegistry())
        async with asyncio.TaskGroup() as group:

            def spawn(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
                task = group.create_task(work, name=name)
                self.tasks += 1
                task.add_done_callback(self._ended)
                return task

            self.course = Course(self.target, self.last, prober=prober, spawn=spawn, tell=self._tell, wall=self.wall)
            self.course.begin()
            yield
            self.course.end()

    def _tell(self, verdict: Health) -> None:
        self.told.append((self.time(), verdict))

    def _ended(self, _: object) -> None:
        self.tasks -= 1

    def pass_over(self, seconds: float, *then: Callable[[], Coroutine[Any, Any, None]]) -> World:
        """Run it for so long, and then do this."""

        async def go() -> None:
            async with self.running():
                await asyncio.sleep(seconds)
                for act in then:
                    await act()

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(go())
        return self

    def pauses(self, role: Role) -> list[float]:
        return [later - one for one, later in pairwise(self.probed[role])]


def target(**checks: Check) -> Target:
    return Target("shop-a1", "10.1.0.2", 5000, RUN, **{"readiness": tcp(), **checks})


def test_each_check_is_probed_at_its_own_period_and_between_probes_there_is_no_task() -> None:
    world = World(target(readiness=tcp(period_seconds=10), liveness=tcp(period_seconds=60)))

    async def idle() -> None:
        assert world.tasks == 0

    world.pass_over(3600.05, idle)  # beside the grid
    assert 330 <= len(world.probed["readiness"]) <= 400
    assert 55 <= len(world.probed["liveness"]) <= 68
    assert [(one.started, one.ready, one.live) for _, one in world.told] == [(True, False, True), (True, True, True)]
    assert world.told[0][0] == world.told[1][0]


def test_startup_comes_first_then_readiness_at_once_and_then_liveness() -> None:
    checks = {role: tcp(period_seconds=5) for role in ROLES}
    world = World(target(**checks), up={"startup": 7.0}).pass_over(60)
    late, started, ready = world.told
    assert not late[1].started
    assert 7.0 <= started[0] <= 7.3
    assert max(world.probed["startup"]) == started[0] == world.probed["readiness"][0] == ready[0]
    assert world.probed["liveness"][0] == started[0]
    assert world.pauses("liveness")[0] > 4, "it is at its period after the first pass"
    assert len(world.probed["readiness"]) >= 9, "it is at its period after the first pass"


def test_an_initial_delay_counts_once_from_the_beginning_of_the_run() -> None:
    world = World(
        target(
            startup=tcp(initial_delay_seconds=3),
            readiness=tcp(initial_delay_seconds=8),
            liveness=tcp(initial_delay_seconds=40, period_seconds=2),
        ),
        up={"startup": 5.0, "liveness": 30.0},
    ).pass_over(120)
    assert [round(world.probed[role][0], 3) for role in ROLES[:2]] == [3, 8]
    assert max(world.pauses("liveness")) < 2.5
    assert all(one.live for _, one in world.told), "what failed before its initial delay does not count"
    assert 30 <= next(at for at, one in world.told if one.ready) < 30.3, "a pass of it is looked for at once"
    assert max(world.pauses("readiness")) < 12


def test_without_a_startup_check_liveness_waits_for_the_first_readiness() -> None:
    world = World(target(liveness=tcp(period_seconds=1)), up={"readiness": 50.0}).pass_over(60)
    assert world.probed["liveness"][0] >= 50.0
    never = World(target(liveness=tcp(period_seconds=1)), up={"readiness": 5000.0}).pass_over(60)
    assert never.probed["liveness"] == []


def test_what_does_not_start_is_not_live_at_the_end_of_its_budget_and_is_probed_on_until_it_starts() -> None:
    world = World(target(startup=tcp(period_seconds=2, failure_threshold=5)), up={"startup": 300.0}).pass_over(400)
    live = [(at, one.live) for at, one in world.told]
    assert (10.0, False) in live
    assert [one for _, one in live] == [True, False, True, True]
    assert live[2][0] < 303, "its pauses are its period by now"
    assert world.told[1][1].live_reason == f"did not start within 10 s: {REFUSED.reason}"


def test_a_probe_that_hangs_does_not_put_the_end_of_the_budget_off() -> None:
    world = World(
        target(startup=tcp(period_seconds=2, failure_threshold=5)), up={"startup": 300.0}, takes={"startup": 6.0}
    ).pass_over(60)
    assert [at for at, one in world.told if not one.live] == [10.0]


def test_a_fault_of_ours_lets_no_budget_pass_and_is_not_repeated_in_haste() -> None:
    world = World(target(startup=tcp(period_seconds=2, failure_threshold=5)), fault=True).pass_over(60)
    assert all(one.live for _, one in world.told)
    assert min(world.pauses("startup")) >= 1


def test_a_probe_that_hangs_holds_up_no_other_check_and_has_no_second_one_beside_it() -> None:
    world = World(
        target(liveness=tcp(period_seconds=5, timeout_seconds=50)), up={"liveness": 1e9}, takes={"liveness": 50.0}
    ).pass_over(600)
    assert len(world.probed["readiness"]) >= 50
    assert len(world.probed["liveness"]) >= 10
    assert not world.doubled
    assert [(one.ready, one.live) for _, one in world.told] == [(False, True), (False, True), (False, False)]


def test_a_suspicion_is_answered_at_once() -> None:
    world = World(target(readiness=tcp(period_seconds=600)))

    async def suspect() -> None:
        world.course.suspect(world.wall())
        await asyncio.sleep(1)

    world.pass_over(100, suspect)
    (_, up), (at, answer) = world.told
    assert at == 100
    assert answer == up.changed(confirmed=RUN + timedelta(seconds=100), probes=2, took_seconds=answer.took_seconds)
    assert world.probed["readiness"][1:] == [100], "and then its period goes on"


def test_a_suspected_one_is_probed_until_it_passes_ever_more_slowly_up_to_its_period() -> None:
    world = World(target(readiness=tcp(period_seconds=20)))

    async def suspect() -> None:
        world.up["readiness"] = 4000.0
        world.course.suspect(world.wall())
        await asyncio.sleep(3900)

    world.pass_over(30, suspect, lambda: asyncio.sleep(500))
    (_, up), (down_at, down), (answered_at, answer) = world.told
    assert (up.ready, down.ready, answer.ready) == (True, False, True)
    assert down_at == 30.5, "three failures in a row"
    assert answer.confirmed == RUN + timedelta(seconds=answered_at)
    pauses = [later - one for one, later in pairwise(at for at in world.probed["readiness"] if 30 <= at < 4000)]
    assert pauses[:40] == [0.25] * 40
    assert all(later >= one - 1e-6 for one, later in pairwise(pauses))
    assert abs(pauses[-1] - 20) < 1e-6


def test_a_suspicion_that_ends_before_a_pass_is_not_answered() -> None:
    world = World(target(readiness=tcp(period_seconds=10, failure_threshold=100)))

    async def suspect_and_withdraw() -> None:
        world.up["readiness"] = 20.0
        world.course.suspect(world.wall())
        await asyncio.sleep(5)
        world.course.suspect(None)
        await asyncio.sleep(100)

    world.pass_over(10, suspect_and_withdraw)
    assert len(world.told) == 1
    assert len([at for at in world.probed["readiness"] if 16 < at <= 115]) <= 12


def test_a_suspicion_that_is_heard_while_a_probe_is_under_way_is_answered_by_the_next_one() -> None:
    world = World(target(readiness=tcp(period_seconds=100)), takes={"readiness": 2.0})

    async def suspect() -> None:
        while len(world.probed["readiness"]) < 2:  # noqa: ASYNC110 - until the next one is under way
            await asyncio.sleep(0.5)
        await asyncio.sleep(0.25)
        world.course.suspect(world.wall())
        await asyncio.sleep(10)

    world.pass_over(50, suspect)
    second, third = world.probed["readiness"][1:3]
    assert abs(third - second - 2) < 1e-6
    assert [round(at - third, 3) for at, one in world.told if one.confirmed] == [2]


def test_a_checker_that_begins_anew_spreads_its_probes_but_not_those_that_someone_waits_for() -> None:
    known = Health(started=True, ready=True, live=True, since=RUN, run=RUN)
    calm = [World(target(liveness=tcp()), last=known).pass_over(30) for _ in range(20)]
    firsts = {world.probed[role][0] for world in calm for role in ("readiness", "liveness")}
    assert len(firsts) == 40
    assert max(firsts) <= 10
    assert all(not world.told for world in calm)

    asked = World(target(), last=known)

    async def go() -> None:
        async with asked.running():
            asked.course.end()
            asked.course = Course(
                asked.target, known, prober=asked.course._prober, spawn=asked.course._spawn, tell=asked._tell
            )
            asked.course.suspect(RUN + timedelta(seconds=1))
            asked.course.begin()
            await asyncio.sleep(0)
            await asyncio.sleep(0.001)

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(go())
    assert asked.probed["readiness"] == [0.0]


def test_one_that_ended_says_nothing_any_more() -> None:
    world = World(target(startup=tcp(period_seconds=1)), up={"startup": 1e9}, takes={"startup": 0.1})

    async def end() -> None:
        world.course.end()
        await asyncio.sleep(100)
        assert world.tasks == 0

    world.pass_over(1.0, end)
    assert world.told == []
    assert max(world.probed["startup"]) <= 1.0
