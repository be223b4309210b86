"""Whatever happens, in whatever order, and wherever the deployer crashes: it converges and breaks no promise.

The promises themselves are `tests.support.deployer.promises`: the world checks them at every step of the deployer's.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from libs.keyspace.records import AppSettings
from services.controller.deployer.evidence import KEPT
from tests.support.deployer.proxy import Proxy
from tests.support.deployer.world import World

MIB = 1 << 20
SETTINGS = st.builds(
    AppSettings,
    surge=st.sampled_from([None, None, "0", "1", "2", "50%"]),
    parallel=st.sampled_from([None, None, 1, 2]),
    stop_grace_seconds=st.sampled_from([0.0, 10.0]),
    drain_seconds=st.sampled_from([0.0, 30.0]),
    drain_websocket_seconds=st.sampled_from([0.0, 10.0, 300.0]),
)
COUNTS = st.fixed_dictionaries({"web": st.integers(0, 4), "worker": st.integers(0, 2)})


class Deploys(RuleBasedStateMachine):
    """The user, the agents, time, chance and the deployer, each one move at a time."""

    world: World

    @initialize(
        surge=st.sampled_from([0.25, 1.0]),
        counts=COUNTS,
        settings=SETTINGS,
        routers=st.sampled_from([1, 1, 2]),
        room=st.sampled_from([None, None, 2, 4, 6]),
    )
    def begin(
        self, surge: float, counts: dict[str, int], settings: AppSettings, routers: int, room: int | None
    ) -> None:
        self.world = World(surge=surge)
        self.world.proxies = [Proxy(f"router-{number}", f"node-{number}") for number in range(1, routers + 1)]
        if room is not None:
            self.world.memory, self.world.capacity = {"web": "64M", "worker": "32M"}, room * 64 * MIB
        self.world.change(formation=counts, settings=settings)
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

    @rule(settings=SETTINGS)
    def set(self, settings: AppSettings) -> None:
        self.world.change(settings=settings)

    @precondition(lambda self: self.world.app.release > 1)
    @rule()
    def cancel(self) -> None:
        """The API lets a user cancel what has not settled."""
        filed = self.world.rollouts.get(self.world.app.release)
        if filed is None or not filed.document.settled:
            self.world.cancel()

    @precondition(lambda self: self.world.capacity is not None)
    @rule(by=st.sampled_from([-64 * MIB, 64 * MIB]))
    def another_app_grows(self, by: int) -> None:
        assert self.world.capacity is not None
        self.world.capacity += by

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

    @precondition(lambda self: len(self.world.runs) < 3)
    @rule(
        type_=st.sampled_from(["run", "run", "web"]),
        number=st.integers(1, 3),
        memory=st.sampled_from([None, 64 * MIB]),
    )
    def begin_run(self, type_: str, number: int, memory: int | None) -> None:
        """A one-off run among the instances: it is none of them, whatever it is called."""
        self.world.begin_run(type_, number, memory)

    @precondition(lambda self: self.world.runs)
    @rule(data=st.data(), code=st.sampled_from([0, 1, None]))
    def end_run(self, data: st.DataObject, code: int | None) -> None:
        """It ends, or it is removed."""
        id_ = data.draw(st.sampled_from(sorted(self.world.runs)))
        if code is None:
            del self.world.runs[id_]
        else:
            self.world.end_run(id_, code)

    @precondition(lambda self: self.world.containers)
    @rule(data=st.data(), what=st.sampled_from(["sick", "deaf"]), ails=st.booleans())
    def ail(self, data: st.DataObject, what: str, ails: bool) -> None:
        """It stops being live, or passing its check; or it is well again."""
        id_ = data.draw(st.sampled_from(sorted(self.world.containers)))
        ailing: set[str] = getattr(self.world, what)
        ailing.add(id_) if ails else ailing.discard(id_)
        self.world.check(id_)

    @rule(data=st.data(), present=st.booleans())
    def route(self, data: st.DataObject, present: bool) -> None:
        data.draw(st.sampled_from(self.world.proxies)).present = present
        self.world.route()

    @rule(data=st.data(), requests=st.integers(0, 2), websockets=st.integers(0, 2))
    def use(self, data: st.DataObject, requests: int, websockets: int) -> None:
        """Users have connections to an instance that gets their requests."""
        proxy = data.draw(st.sampled_from(self.world.proxies))
        if proxy.rotation & self.world.containers.keys():
            id_ = data.draw(st.sampled_from(sorted(proxy.rotation & self.world.containers.keys())))
            proxy.requests[id_], proxy.websockets[id_] = requests, websockets

    @rule()
    def answer_requests(self) -> None:
        self.world.answer_requests()

    @rule(data=st.data(), suspects=st.booleans())
    def suspect(self, data: st.DataObject, suspects: bool) -> None:
        proxy = data.draw(st.sampled_from(self.world.proxies))
        if suspects and proxy.present and proxy.rotation:
            proxy.suspects[data.draw(st.sampled_from(sorted(proxy.rotation)))] = self.world.now
        else:
            proxy.suspects.clear()
        self.world.route()

    @rule(seconds=st.sampled_from([0.1, 5.0, 31.0, 61.0, 301.0]))
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
        self.world.sick.clear()
        self.world.deaf.clear()
        self.world.come_to_rest()
        self.check_rest()

    def check_rest(self) -> None:
        """At rest the record of the wanted release says what is so, and the others how they ended."""
        world = self.world
        assert world.retiring == {}
        for filed in world.rollouts.values():
            assert filed.document.settled
            assert len(filed.document.instances) <= KEPT
            assert all(seen.retired is None or seen.stopped for seen in filed.document.instances.values())
            if filed.document.phase == "cancelled":
                assert filed.document.reason == "cancelled by ann"
        if world.app.release not in world.rollouts:
            assert world.app.release == 1
            assert world.containers == {}
            return
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
        wanted = {type_: world.app.formation.get(type_, 0) if world.app.release > 1 else 0 for type_ in counts}
        assert counts == wanted


TestDeploys = Deploys.TestCase
TestDeploys.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
