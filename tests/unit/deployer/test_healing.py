"""Instances that are not live are replaced: one by one, by what serves, and never for ever in a hurry."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from libs.keyspace import records as r
from services.controller.deployer.healing import waits
from services.controller.deployer.view import Filed
from tests.support.deployer.proxy import Proxy
from tests.support.deployer.world import World


def running(**formation: int) -> World:
    """A world in which v2 runs; one instance may be there beside those of a type."""
    world = World(surge=0.01)
    world.change(formation=formation)
    world.deploy("good")
    world.come_to_rest()
    world.told.clear()
    return world


def work(world: World, times: int = 6) -> None:
    """Everybody does their work for a moment."""
    for _ in range(times):
        for id_ in list(world.containers):
            world.check(id_)
        world.route()
        world.read_logs()
        world.look()
        world.pass_time(0.01)


def planned(world: World) -> list[r.Planned]:
    return list(world.rollouts[world.app.release].document.planned)


def only(world: World) -> str:
    (id_,) = world.containers
    return id_


def words(world: World) -> list[tuple[str, str]]:
    return [(happening.kind, happening.message) for happening in world.told]


def sicken(world: World, *ids: str) -> None:
    world.sick |= set(ids)
    for id_ in ids:
        world.check(id_)


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


class Heals(RuleBasedStateMachine):
    """Instances hang, recover, go deaf, exit and vanish; the deployer keeps as many in use as there were."""

    world: World

    @initialize(web=st.integers(1, 3), surge=st.sampled_from([None, "0", "1", "2"]), tight=st.booleans())
    def begin(self, web: int, surge: str | None, tight: bool) -> None:
        self.world = World(surge=0.25)
        if tight:
            self.world.memory = {"web": "1M", "worker": "1M"}
            self.world.capacity = (web + 1) * 2**20
        self.world.change(formation={"web": web, "worker": 1}, settings=r.AppSettings(surge=surge))
        self.world.deploy("good")
        self.world.come_to_rest()

    @precondition(lambda self: self.world.containers)
    @rule(data=st.data(), what=st.sampled_from(["sick", "deaf"]))
    def afflict(self, data: st.DataObject, what: str) -> None:
        getattr(self.world, what).add(data.draw(st.sampled_from(sorted(self.world.containers))))

    @rule(what=st.sampled_from(["sick", "deaf"]))
    def recover(self, what: str) -> None:
        getattr(self.world, what).clear()

    @precondition(lambda self: self.world.containers)
    @rule(data=st.data(), what=st.sampled_from(["check", "exit", "vanish", "stop_by_hand"]))
    def befall(self, data: st.DataObject, what: str) -> None:
        getattr(self.world, what)(data.draw(st.sampled_from(sorted(self.world.containers))))

    @rule(seconds=st.sampled_from([0.1, 11.0, 61.0, 301.0]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule()
    def route(self) -> None:
        self.world.route()

    @rule(after=st.none() | st.integers(0, 3), slowly=st.booleans())
    def look(self, after: int | None, slowly: bool) -> None:
        """No look takes one that is ready out of use while none in its slot is; in place it takes one at a time."""
        view = self.world.view()
        serving = {id_ for id_, i in view.live.items() if view.ready(i)}
        retired = self.world.retiring.keys()
        self.world.look(after, slowly=slowly)
        for id_ in (self.world.retiring.keys() - retired) & serving:
            self.check_retired(id_, serving)

    def check_retired(self, id_: str, serving: set[str]) -> None:
        world = self.world
        identity = world.containers[id_].identity
        if world.retiring[id_][1].reason.startswith("replaced in place"):
            leaving = [i for i in world.retiring if world.containers[i].state == "running"]
            assert [i for i in leaving if world.containers[i].identity.type == identity.type] == [id_]
            return
        mates = [world.containers[other].identity for other in world.live().keys() & serving]
        assert (identity.type, identity.number) in {(mate.type, mate.number) for mate in mates}

    @rule(times=st.integers(1, 8))
    def work(self, times: int) -> None:
        work(self.world, times)

    @invariant()
    def memory_is_never_given_twice(self) -> None:
        if hasattr(self, "world") and self.world.capacity is not None:
            up = sum(instance.state == "running" for instance in self.world.containers.values())
            assert up * 2**20 <= self.world.capacity

    @invariant()
    def no_more_stand_in_than_the_surge_allows(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        for type_ in ("web", "worker"):
            standing_in = [entry for entry in planned(world) if entry.type == type_ and entry.replaces]
            allowed = max(1, int(world.app.settings.surge or 1))
            assert len(standing_in) <= allowed

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.sick.clear()
        world.deaf.clear()
        world.pass_time(400)
        world.come_to_rest()
        entries = planned(world)
        assert all(not entry.replaces for entry in entries)
        assert {entry.id for entry in entries} == world.containers.keys()
        assert sorted((e.type, e.number) for e in entries) == sorted(
            [*(("web", n + 1) for n in range(world.app.formation["web"])), ("worker", 1)]
        )
        assert world.rollouts[2].document.alarms == {}


TestHeals = Heals.TestCase
TestHeals.settings = hypothesis_settings(max_examples=60, stateful_step_count=40, deadline=None)
