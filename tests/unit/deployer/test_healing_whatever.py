"""Healing, whatever befalls whom: as many stay in use as there were, and all is whole in the end."""

from __future__ import annotations

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from libs.keyspace import records as r
from tests.support.deployer.healing import planned, work
from tests.support.deployer.world import World


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
