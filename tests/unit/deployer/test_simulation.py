"""Whatever happens, in whatever order, and wherever the deployer crashes: it converges and breaks no promise."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.support.deployer.world import World

COUNTS = st.fixed_dictionaries({"web": st.integers(0, 4), "worker": st.integers(0, 2)})


class Deploys(RuleBasedStateMachine):
    """The user, the agents, time, chance and the deployer, each one move at a time."""

    world: World

    @initialize(surge=st.sampled_from([0.25, 1.0]), counts=COUNTS)
    def begin(self, surge: float, counts: dict[str, int]) -> None:
        self.world = World(surge=surge)
        self.world.change(formation=counts)
        self.world.deploy("good")

    @rule(manner=st.sampled_from(["good", "good", "crashing", "deaf", "missing"]))
    def deploy(self, manner: str) -> None:
        self.world.deploy(manner)  # type: ignore[arg-type]

    @rule(counts=COUNTS)
    def scale(self, counts: dict[str, int]) -> None:
        self.world.change(formation=counts)

    @rule(scope=st.sampled_from(["", "web", "web.1"]))
    def restart(self, scope: str) -> None:
        restarts = dict(self.world.app.restarts)
        restarts[scope] = restarts.get(scope, 0) + 1
        self.world.change(restarts=restarts)

    @rule(slowly=st.booleans())
    def look(self, slowly: bool) -> None:
        self.world.look(slowly=slowly)

    @rule(after=st.integers(0, 3), slowly=st.booleans())
    def look_and_crash(self, after: int, slowly: bool) -> None:
        self.world.look(after, slowly=slowly)

    @rule(times=st.integers(2, 12))
    def work(self, times: int) -> None:
        """Everybody does their work for a while."""
        for _ in range(times):
            for id_ in list(self.world.containers):
                self.world.check(id_)
            self.world.route()
            self.world.read_logs()
            self.world.look()

    @precondition(lambda self: self.world.busy)
    @rule(data=st.data(), lost=st.booleans())
    def answer(self, data: st.DataObject, lost: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.world.busy)))
        self.world.answer(key, lost=lost)

    @precondition(lambda self: self.world.containers)
    @rule(data=st.data(), what=st.sampled_from(["check", "exit", "vanish", "stop_by_hand"]))
    def befall(self, data: st.DataObject, what: str) -> None:
        id_ = data.draw(st.sampled_from(sorted(self.world.containers)))
        getattr(self.world, what)(id_)

    @rule(present=st.booleans())
    def route(self, present: bool) -> None:
        self.world.router_present = present
        self.world.route()

    @rule(seconds=st.sampled_from([0.1, 5.0, 31.0, 61.0]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @invariant()
    def no_id_is_in_two_records(self) -> None:
        ids = [entry.id for filed in self.world.rollouts.values() for entry in filed.document.planned]
        assert len(ids) == len(set(ids))

    @invariant()
    def no_slot_is_held_twice_by_one_release_and_generation(self) -> None:
        for filed in self.world.rollouts.values():
            slots = [(e.type, e.number, e.generation) for e in filed.document.planned]
            assert len(slots) == len(set(slots))

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.world.come_to_rest()
        self.check_rest()

    def check_rest(self) -> None:
        """At rest the record of the wanted release says what is so."""
        world = self.world
        assert world.retiring == {}
        record = world.rollouts[world.app.release].document
        assert record.settled
        assert record.intent == world.app_revision
        running = {i.identity.id: i for i in world.containers.values()}
        if record.phase == "failed":
            assert record.reason
            assert all(entry.established for entry in record.planned)
            assert {i for i in running if running[i].identity.release == record.release} == {
                e.id for e in record.planned
            }
            return
        assert record.phase == "done"
        assert {entry.id for entry in record.planned} == running.keys()
        counts = {"web": 0, "worker": 0}
        for instance in running.values():
            identity = instance.identity
            assert instance.state == "running"
            assert identity.release == world.app.release
            assert identity.generation >= world.app.generation(identity.type, identity.number)
            counts[identity.type] += 1
        wanted = {type_: world.app.formation.get(type_, 0) for type_ in counts}
        assert counts == wanted


TestDeploys = Deploys.TestCase
TestDeploys.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
