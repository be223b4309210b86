"""Courses of rollouts, told by what a world has seen of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from libs.keyspace import records as r
from services.controller.deployer.evidence import KEPT
from tests.support.deployer.healing import work
from tests.support.deployer.proxy import Proxy
from tests.support.deployer.world import Manner, World


def settled(formation: dict[str, int] | None = None, **settings: object) -> World:
    """A world in which v2 runs."""
    world = World()
    world.change(formation=formation or {"web": 3}, settings=r.AppSettings(**settings))
    world.deploy("good")
    world.come_to_rest()
    return world


def turn(world: World, times: int = 1) -> None:
    work(world, times, seconds=0.1)


def until(world: World, phase: str, number: int = 3) -> None:
    for _ in range(100):
        turn(world)
        if number in world.rollouts and world.rollouts[number].document.phase == phase:
            return
    raise AssertionError(f"v{number} is not {phase}: {world.rollouts.get(number)}")


def of(world: World, release: int) -> list[str]:
    return sorted(id_ for id_, i in world.containers.items() if i.identity.release == release)


def test_lingering_websockets_hold_up_neither_the_rollout_nor_the_next_one() -> None:
    world = settled(surge="1")
    for id_ in world.containers:
        world.proxies[0].websockets[id_] = 1
    old = of(world, 2)
    world.deploy("good")
    until(world, "done")
    world.deploy("good")
    until(world, "done", 4)
    assert of(world, 2) == old
    assert set(old) <= world.retiring.keys()
    world.pass_time(300)
    turn(world, 3)
    evidence = world.rollouts[3].document.instances
    assert all((evidence[id_].in_flight, evidence[id_].websockets) == (1, 1) for id_ in old)
    assert all(evidence[id_].stopped for id_ in old)


def test_requests_in_flight_hold_up_the_next_start_and_the_rollout_says_so() -> None:
    world = settled(surge="1")
    for id_ in world.containers:
        world.proxies[0].requests[id_] = 1
    world.deploy("good")
    turn(world, 12)
    assert len(of(world, 3)) == 1
    assert "web.1 of v2 to end" in world.rollouts[3].document.waiting
    world.answer_requests()
    until(world, "done")


def test_as_many_are_on_their_way_up_as_the_app_allows_across_its_types() -> None:
    world = World(surge=1.0)
    world.change(formation={"web": 2, "worker": 2}, settings=r.AppSettings(parallel=1))
    world.deploy("good")
    most = 0
    for _ in range(20):
        coming = sum(not world.ready(id_) for id_ in world.containers)
        most = max(most, coming)
        turn(world)
    assert most == 1
    assert world.rollouts[2].document.phase == "done"


def test_a_surge_without_room_waits_for_what_retiring_instances_free() -> None:
    world = World(surge=0.01)
    world.memory, world.capacity = {"web": "64M"}, 3 * (64 << 20)
    world.change(formation={"web": 2})
    world.deploy("good")
    world.come_to_rest()
    for id_ in world.containers:
        world.proxies[0].websockets[id_] = 1
    world.deploy("good")
    turn(world, 12)
    assert "retiring instances to free the 64 MiB of memory that web needs" in world.rollouts[3].document.waiting
    assert world.rollouts[3].document.in_place == ""
    world.pass_time(300)
    until(world, "done")


def test_the_memory_of_a_first_deploy_is_not_asked_for() -> None:
    world = World()
    world.memory, world.capacity = {"web": "64M"}, 0
    world.change(formation={"web": 2})
    world.deploy("good")
    world.come_to_rest()
    assert len(of(world, 2)) == 2


def test_a_new_instance_that_is_not_live_fails_the_rollout_with_the_checkers_reason() -> None:
    world = settled()
    world.deploy("good")
    while not of(world, 3):
        world.look()
    (new,) = of(world, 3)
    world.sick.add(new)
    world.check(new)
    world.look()
    assert world.rollouts[3].document.reason == "web.1 failed its liveness check: it hangs"
    turn(world, 3)
    assert world.app.release == 2


def test_a_startup_check_gives_the_budget_in_place_of_the_limit() -> None:
    world = settled()
    world.deploy("deaf")
    while not of(world, 3):
        world.look()
    (new,) = of(world, 3)
    startup = r.Check(tcp=r.TcpAction(), initial_delay_seconds=5, period_seconds=2, failure_threshold=50)
    checks = r.Checks(startup=startup, readiness=r.Check(tcp=r.TcpAction(), initial_delay_seconds=3))
    instance = world.containers[new]
    world.containers[new] = replace(instance, checks=checks.model_dump_json())
    world.look()
    entry = next(entry for entry in world.rollouts[3].document.planned if entry.id == new)
    assert entry.deadline == instance.started + timedelta(seconds=5 + 2 * 50 + 3)  # type: ignore[operator]


def test_a_restart_that_fails_in_place_costs_no_instance() -> None:
    world = settled(surge="0")
    world.change(restarts={"": 1})
    while not any(i.identity.generation for i in world.containers.values()):
        turn(world)
    (new,) = [id_ for id_, i in world.containers.items() if i.identity.generation]
    world.exit(new)
    world.come_to_rest()
    assert world.rollouts[2].document.phase == "failed"
    assert sorted(i.identity.number for i in world.containers.values()) == [1, 2, 3]


def test_a_cancelled_first_deploy_leaves_nothing_and_fails_nothing() -> None:
    world = World()
    world.change(formation={"web": 2})
    world.deploy("deaf")
    turn(world, 5)
    assert of(world, 2)
    world.cancel()
    world.come_to_rest()
    assert world.app.release == 1
    assert world.containers == {}
    assert world.rollouts[2].document.reason == "cancelled by ann"
    assert world.rollouts[1].document.phase == "done"
    assert [happening.kind for happening in world.told] == ["cancelled"]


def test_the_evidence_of_a_large_app_is_bounded_and_at_rest_nothing_is_written() -> None:
    world = World(surge=1.0)
    world.change(formation={"web": 50})
    world.deploy("good")
    world.come_to_rest()
    world.deploy("good")
    world.come_to_rest()
    seen = world.rollouts[3].document.instances
    assert len(seen) == KEPT
    before = {number: filed.revision for number, filed in world.rollouts.items()}
    turn(world, 5)
    assert {number: filed.revision for number, filed in world.rollouts.items()} == before


def test_one_that_never_served_goes_with_the_word_on_what_became_of_its_release() -> None:
    def reason(manner: Manner, *, deployed_again: bool) -> str:
        world = settled(surge="1")
        world.deploy(manner)
        turn(world, 4)
        (new,) = of(world, 3)
        if deployed_again:
            world.deploy("good")
        world.come_to_rest()
        return world.rollouts[3].document.instances[new].reason

    assert reason("crashing", deployed_again=False) == "v3 failed"
    assert reason("deaf", deployed_again=True) == "superseded by v4"


def test_the_phase_that_failed_tells_what_it_waited_for() -> None:
    world = settled(surge="1", startup_limit_seconds=5.0)
    world.deploy("deaf")
    until(world, "failed")
    (*_, failing) = world.rollouts[3].document.evidence
    assert (failing.phase, failing.note) == ("starting", "web.1 (no answer) to pass its check; web.2, web.3 to start")


def test_each_round_of_a_release_has_evidence_of_its_own() -> None:
    world = settled()
    world.proxies[0].websockets[of(world, 2)[0]] = 1
    lingering, *others = of(world, 2)
    world.change(restarts={"web": 1})
    until(world, "starting", 2)
    until(world, "done", 2)
    assert world.rollouts[2].document.instances.keys() > {lingering, *others}
    while {*others} & world.containers.keys():
        turn(world)
    world.pass_time(60)
    world.change(formation={"web": 4})
    until(world, "starting", 2)
    until(world, "done", 2)
    record = world.rollouts[2].document
    (new,) = (id_ for id_, seen in record.instances.items() if seen.title == "web.4")
    assert record.instances.keys() == {lingering, new}  # the drain goes on, and is told to its end
    assert [(one.phase, one.note) for one in record.evidence] == [("starting", "web.4 to start")]


def test_a_later_deploy_that_fails_leaves_the_evidence_of_the_one_that_goes_on() -> None:
    world = settled()
    before = world.rollouts[2].document
    assert all(before.instances[entry.id].routed for entry in before.planned)
    world.deploy("missing")
    until(world, "failed")
    world.come_to_rest()
    after = world.rollouts[2].document
    assert (after.phase, after.intent > before.intent) == ("done", True)
    assert (after.asked, after.instances) == (before.asked, before.instances)
    assert after.evidence[: len(before.evidence)] == before.evidence != ()


def test_one_that_vanished_before_it_was_seen_to_run_is_started_by_no_later_leader() -> None:
    world = World()
    world.change(formation={"worker": 2}, settings=r.AppSettings(parallel=1))
    world.deploy("good")
    while not world.containers:
        world.look()
    (lost,) = world.containers
    world.vanish(lost)
    world.change(formation={"web": 3, "worker": 1})
    world.look()
    assert sorted(entry.id == lost for entry in world.rollouts[2].document.planned) == [False, True]  # its number's
    world.crash()
    turn(world, 20)
    assert lost not in {i.identity.id for i in world.containers.values()}
    assert sorted(i.identity.type for i in world.containers.values()) == ["web", "web", "web", "worker"]


def test_a_scale_down_does_not_count_on_one_in_a_vanished_ones_place_before_every_router_has_it() -> None:
    world = World()
    world.proxies = [Proxy("router-1", "node-1"), Proxy("router-2", "node-2")]
    world.change(formation={"web": 2})
    world.deploy("good")
    world.come_to_rest()
    world.proxies[1].present = False
    lost = next(id_ for id_, i in world.containers.items() if i.identity.number == 1)
    world.vanish(lost)
    turn(world, 5)
    world.change(formation={"web": 1})
    turn(world, 5)
    assert world.retiring == {}
    world.proxies[1].present = True
    world.come_to_rest()
    assert [i.identity.number for i in world.containers.values()] == [1]
