"""Instances that are not live are replaced: one by one, by what serves, and never for ever in a hurry."""

from __future__ import annotations

from datetime import timedelta

import pytest

from libs.keyspace import records as r
from services.controller.deployer.healing import waits
from services.controller.deployer.view import Filed
from tests.support.deployer.healing import only, planned, running, sicken, words, work
from tests.support.deployer.proxy import Proxy
from tests.support.deployer.world import World


def test_one_that_is_not_live_stands_in_until_its_successor_is_ready_and_routed() -> None:
    world = running(web=1)
    old = only(world)
    sicken(world, old)
    world.look()
    (entry,) = planned(world)
    assert (entry.replaces, entry.strikes, entry.established) == (old, 1, True)
    world.look()
    assert set(world.containers) == {old, entry.id}
    world.check(entry.id)
    world.look()
    assert world.retiring == {}  # it is ready, and no router has it
    world.route()
    world.look()
    assert world.retiring[old][1].reason == "replaced: it was not live (it hangs)"
    assert planned(world)[0].replaces == ""
    world.come_to_rest()
    assert set(world.containers) == {entry.id}
    assert words(world) == [
        ("not_live", "web.1 failed its liveness check (it hangs)"),
        ("replaced", "web.1 failed its liveness check (it hangs) and was replaced"),
        ("recovered", "web.1 is live again"),
    ]


def test_one_without_a_port_is_replaced_once_its_successor_is_ready() -> None:
    world = running(worker=1)
    old = only(world)
    sicken(world, old)
    world.look()
    world.look()
    (new,) = world.containers.keys() - {old}
    world.look()
    assert world.retiring == {}
    world.check(new)
    world.look()
    assert set(world.retiring) == {old}


def test_no_word_of_the_checker_replaces_nothing() -> None:
    world = running(web=2)
    world.health.clear()
    work(world, 1)
    for id_ in world.containers:
        world.health[id_] = world.health[id_].changed(live=False, run=world.now + timedelta(seconds=1))
    world.look()
    assert all(not entry.replaces for entry in planned(world))
    assert world.told == []


@pytest.mark.parametrize(("strikes", "seconds"), [(0, 0), (1, 10), (2, 20), (3, 40), (5, 160), (6, 300), (99, 300)])
def test_each_replacement_in_a_row_waits_longer_than_the_last(strikes: int, seconds: int) -> None:
    assert waits(strikes) == timedelta(seconds=seconds)


def test_a_successor_that_is_not_live_either_is_replaced_in_its_turn_and_not_before() -> None:
    world = running(web=1)
    first = only(world)
    sicken(world, first)
    work(world)
    second = only(world)
    began = planned(world)[0].planned
    sicken(world, second)
    world.look()
    assert [entry.id for entry in planned(world)] == [second]
    world.now = began + timedelta(seconds=10)
    work(world)
    (entry,) = planned(world)
    assert entry.id not in {first, second}
    assert entry.strikes == 2


def test_strikes_are_forgotten_after_ten_minutes_of_doing_well() -> None:
    world = running(web=1)
    sicken(world, only(world))
    work(world)
    assert planned(world)[0].strikes == 1
    world.pass_time(590)
    world.look()
    assert planned(world)[0].strikes == 1
    world.pass_time(10)
    world.look()
    assert planned(world)[0].strikes == 0


def test_one_that_recovers_before_its_successor_serves_is_kept() -> None:
    world = running(web=1)
    old = only(world)
    sicken(world, old)
    world.look()
    world.look()
    (new,) = world.containers.keys() - {old}
    world.sick.clear()
    world.check(old)
    world.look()
    (entry,) = planned(world)
    assert (entry.id, entry.replaces, entry.established) == (old, "", True)
    assert world.retiring[new][1].reason == "not needed: web.1 is live again"
    world.come_to_rest()
    assert set(world.containers) == {old}
    assert words(world)[-1] == ("recovered", "web.1 is live again")


def test_one_that_is_live_by_turns_is_not_replaced_at_each_turn() -> None:
    world = running(web=1)
    old = only(world)
    for _ in range(2):
        sicken(world, old)
        world.look()
        world.look()
        world.sick.clear()
        world.check(old)
        world.look()
    assert world.made == 2  # the first one, and the one that was not needed
    assert planned(world)[0].strikes == 1


@pytest.mark.parametrize("ready", ["old", "new"])
def test_where_the_successor_is_not_live_either_the_one_that_is_ready_stays(ready: str) -> None:
    world = running(web=1)
    old = only(world)
    sicken(world, old)
    world.look()
    world.look()
    (new,) = world.containers.keys() - {old}
    world.deaf = {new if ready == "old" else old}
    sicken(world, old, new)
    world.pass_time(11)
    world.look()
    (third,) = planned(world)
    stays, goes = (old, new) if ready == "old" else (new, old)
    assert (third.replaces, third.strikes) == (stays, 2)
    assert set(world.retiring) == {goes}


def test_a_type_whose_instances_all_hang_is_replaced_one_surge_at_a_time_and_keeps_serving() -> None:
    world = running(web=4, worker=2)
    sicken(world, *world.containers)
    world.look()
    assert sorted((entry.type, entry.number) for entry in planned(world) if entry.replaces) == [
        ("web", 1),
        ("worker", 1),
    ]
    while any(id_ in world.sick for id_ in world.containers):
        before = len(world.told)
        work(world, 1)
        live = [i for i in world.live().values() if world.ready(i.identity.id)]
        assert sum(i.identity.type == "web" for i in live) >= 4
        assert sum(i.state == "running" and i.identity.type == "web" for i in world.containers.values()) <= 5
        assert len(world.told) <= before + 2
    world.come_to_rest()
    assert [kind for kind, _ in words(world)].count("replaced") == 6


def test_without_room_the_old_one_goes_first() -> None:
    world = running(web=2)
    world.memory = {"web": "64M"}
    world.room = 1024
    old = min(world.containers)
    sicken(world, old)
    while old in world.containers:
        work(world, 1)
        assert sum(i.state == "running" for i in world.containers.values()) <= 2
    world.come_to_rest()
    assert len(world.containers) == 2
    *_, said = [message for kind, message in words(world) if kind == "replaced"]
    assert said.endswith("(it hangs) and was replaced in place: there is no room for both")


def test_an_app_without_surge_is_healed_in_place_one_at_a_time() -> None:
    world = running(web=3)
    world.change(settings=r.AppSettings(surge="0"))
    world.come_to_rest()
    sick = set(world.containers)
    sicken(world, *sick)
    while sick & world.containers.keys():
        work(world, 1)
        assert sum(i.state == "running" for i in world.live().values()) >= 2
        assert sum(i.state == "running" for i in world.containers.values()) <= 3
    world.come_to_rest()
    assert len(world.containers) == 3
    *_, said = [message for kind, message in words(world) if kind == "replaced"]
    assert said.endswith("(it hangs) and was replaced in place, as the app's surge of 0 wants")


def test_no_more_are_on_their_way_up_than_the_app_wants_at_a_time() -> None:
    world = running(web=3, worker=3)
    world.change(settings=r.AppSettings(surge="100%", parallel=2))
    world.come_to_rest()
    sicken(world, *world.containers)
    world.look()
    assert len([entry for entry in planned(world) if entry.replaces]) == 2
    world.come_to_rest()
    assert not world.sick & world.containers.keys()


def test_an_old_one_that_exited_goes_at_once() -> None:
    world = running(web=1)
    old = only(world)
    sicken(world, old)
    world.look()
    world.look()
    world.stop_by_hand(old)
    world.look()
    assert set(world.retiring) == {old}
    world.come_to_rest()
    assert len(world.containers) == 1


def test_what_an_earlier_success_left_of_a_failed_rollout_is_healed_too() -> None:
    world = running(web=1)
    filed = world.rollouts[2]
    world.rollouts[2] = Filed(filed.document.changed(phase="failed", reason="web.2 exited"), filed.revision)
    old = only(world)
    sicken(world, old)
    work(world)
    world.come_to_rest()
    assert old not in world.containers
    assert len(world.containers) == 1


def test_a_scale_in_the_midst_of_a_replacement_keeps_who_stands_in() -> None:
    world = running(web=1)
    old = only(world)
    sicken(world, old)
    world.look()  # the successor is planned, and was never started
    world.change(formation={"web": 2})
    while len([entry for entry in planned(world) if entry.established]) < 2:
        work(world, 1)
        assert any(world.ready(id_) for id_ in world.live())
    world.come_to_rest()
    assert old not in world.containers
    assert world.rollouts[2].document.phase == "done"


def test_a_restart_in_the_midst_of_a_replacement_does_not_count_on_one_that_a_router_has_not_heard_of() -> None:
    world = World(surge=0.01)
    world.proxies = [Proxy("router-1", "node-1"), Proxy("router-2", "node-2")]
    world.change(formation={"web": 1})
    world.deploy("good")
    world.come_to_rest()
    old = only(world)
    world.proxies[1].present = False
    sicken(world, old)
    work(world)
    (new,) = world.containers.keys() - {old}
    assert [new in proxy.rotation for proxy in world.proxies] == [True, False]
    world.change(restarts={"web": 1})
    work(world)
    assert set(world.retiring) == {new}  # users of the other router have the old one alone
    world.come_to_rest()
    assert not {old, new} & world.containers.keys()


@pytest.mark.parametrize("after", range(4))
def test_a_leader_that_ends_between_any_two_steps_leaves_all_to_the_next(after: int) -> None:
    world = running(web=1)
    old = only(world)
    sicken(world, old)
    for _ in range(8):
        for id_ in list(world.containers):
            world.check(id_)
        world.route()
        world.look(after)
        world.pass_time(1)
    world.come_to_rest()
    assert old not in world.containers
    assert len(world.containers) == 1
    assert planned(world)[0].replaces == ""
