"""Single decisions, from single pictures."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from libs.keyspace import records as r
from services.controller.deployer.plan import plan
from services.controller.deployer.steps import Fail, Forget, Remove, ResolveImage, Retire, Start, Stop, WriteRollout
from services.controller.deployer.view import Filed, View, checks_of
from tests.support.deployer.world import NODE, World


def settled(**formation: int) -> World:
    """A world in which v2 runs."""
    world = World(surge=1.0)
    world.change(formation=formation)
    world.deploy("good")
    world.come_to_rest()
    return world


def steps(view: View) -> tuple[object, ...]:
    return plan(view, lambda: "fresh").steps


def test_ids_are_written_down_before_the_engine_is_asked() -> None:
    world = World()
    world.change(formation={"web": 2})
    world.deploy("good")
    assert [type(step) for step in steps(world.view())] == [WriteRollout, ResolveImage]
    world.look()
    assert [type(step) for step in steps(world.view())] == [WriteRollout]
    world.look()
    assert [type(step) for step in steps(world.view())] == [Start, Start]


def test_a_steady_app_needs_nothing() -> None:
    world = settled(web=2, worker=1)
    made = plan(world.view(), world.fresh)
    assert made.steps == ()
    assert made.look_again is None


def test_nothing_is_started_under_another_leaders_epoch() -> None:
    world = World()
    world.change(formation={"web": 1})
    world.deploy("good")
    world.look()
    world.look()
    view = world.view()
    assert any(isinstance(step, Start) for step in steps(view))
    assert [type(step) for step in steps(replace(view, epoch=view.epoch + 1))] == [WriteRollout]


def test_a_record_of_a_later_epoch_stops_us() -> None:
    world = settled(web=1)
    world.vanish(next(iter(world.containers)))
    view = world.view()
    assert steps(view)
    assert steps(replace(view, epoch=view.epoch - 1)) == ()


def test_a_picture_behind_the_records_stops_us() -> None:
    world = settled(web=1)
    world.deploy("good")
    world.look()
    assert steps(replace(world.view(), revision=world.app_revision - 1)) == ()


def test_a_wanted_release_that_is_not_there_yet_is_waited_for() -> None:
    world = settled(web=1)
    world.deploy("good")
    assert steps(replace(world.view(), release=None, build=None)) == ()
    assert steps(replace(world.view(), build=None)) == ()


def test_a_missing_verdict_is_no_verdict() -> None:
    world = settled(web=1)
    world.deploy("good")
    for _ in range(3):
        world.look()
    assert len(world.containers) == 2
    world.health.clear()
    world.look()
    world.pass_time(3600)
    assert steps(world.view()) == ()


def test_a_verdict_on_an_earlier_run_says_nothing() -> None:
    world = settled(web=1)
    view = world.view()
    (instance,) = view.instances
    assert view.ready(instance)
    later = replace(instance, started=world.now + timedelta(seconds=1))
    assert not view.ready(later)
    assert not view.unready(later)


def test_an_instance_without_a_port_is_stopped_at_once_and_one_with_a_port_when_drained() -> None:
    world = settled(web=1, worker=1)
    world.change(formation={"web": 0, "worker": 0})
    world.look()
    kinds = {type(step) for step in steps(world.view())}
    assert kinds == {Stop, WriteRollout}
    (stop,) = [step for step in steps(world.view()) if isinstance(step, Stop)]
    assert ".worker.1-" in stop.name
    world.route()
    assert len([step for step in steps(world.view()) if isinstance(step, Stop)]) == 2


def test_a_drain_is_looked_at_again_at_its_deadline() -> None:
    world = settled(web=1)
    world.change(formation={"web": 0})
    world.look()
    (deadline,) = [record.deadline for _, record in world.retiring.values()]
    assert deadline == world.now + timedelta(seconds=30)
    assert plan(world.view(), world.fresh).look_again == deadline
    world.now = deadline
    assert any(isinstance(step, Stop) for step in steps(world.view()))


def test_a_stopped_instance_waits_for_the_log_agent_of_its_last_run() -> None:
    world = settled(worker=1)
    world.change(formation={"worker": 0})
    world.look()
    world.look()
    (instance,) = world.containers.values()
    assert instance.state == "exited"
    assert not any(isinstance(step, Remove) for step in steps(world.view()))
    id_ = instance.identity.id
    world.log_ends[id_] = r.LogEnd(at=world.now, finished=world.now - timedelta(seconds=9))
    assert not any(isinstance(step, Remove) for step in steps(world.view()))
    world.read_logs()
    assert any(isinstance(step, Remove) for step in steps(world.view()))


def test_a_retiring_record_goes_when_the_engine_has_the_instance_no_more() -> None:
    world = settled(web=1)
    world.retiring["gone"] = (NODE, r.Retiring(reason="", since=world.now, deadline=world.now))
    assert steps(world.view()) == (Forget(NODE, "gone"),)
    busy = replace(world.view(), busy=frozenset({"instance/gone"}))
    assert steps(busy) == ()


def test_a_vanished_replacement_is_known_by_its_answered_start() -> None:
    world = settled(web=1)
    world.vanish(next(iter(world.containers)))
    world.look()
    world.look()
    (id_,) = world.containers
    del world.containers[id_]
    (write,) = steps(world.view())
    assert isinstance(write, WriteRollout)
    assert [entry.id for entry in write.document.planned] == ["fresh"]


@pytest.mark.parametrize("state", ["restarting", "exited", "dead"])
def test_a_new_instance_that_exits_fails_the_rollout(state: str) -> None:
    world = settled(web=1)
    world.deploy("good")
    for _ in range(3):
        world.look()
    (new,) = [i for i in world.containers.values() if i.identity.release == 3]
    world.containers[new.identity.id] = replace(new, state=state, exit_code=7)  # type: ignore[arg-type]
    (fail,) = [step for step in steps(world.view()) if isinstance(step, Fail)]
    assert fail.document.reason == "web.1 exited with code 7"
    assert fail.name == new.name


def test_an_instance_that_passed_once_has_the_limit_again_when_it_stops_passing() -> None:
    world = World()
    world.change(formation={"web": 1})
    world.deploy("good")
    for _ in range(3):
        world.look()
    (id_,) = world.containers
    world.check(id_)
    world.look()
    world.pass_time(100)
    world.health[id_] = world.health[id_].changed(ready=False, since=world.now)
    assert not any(isinstance(step, Fail) for step in steps(world.view()))
    world.pass_time(60)
    assert any(isinstance(step, Fail) for step in steps(world.view()))


def test_the_users_initial_delay_is_added_to_the_startup_limit() -> None:
    world = World()
    world.change(formation={"web": 1})
    world.deploy("good")
    for _ in range(3):
        world.look()
    (id_,) = world.containers
    check = r.Check(tcp=r.TcpAction(), initial_delay_seconds=40)
    world.containers[id_] = replace(world.containers[id_], checks=r.Checks(readiness=check).model_dump_json())
    world.look()
    (entry,) = world.rollouts[2].document.planned
    assert entry.deadline == world.now + timedelta(seconds=100)


def test_a_check_that_cannot_be_read_has_the_defaults() -> None:
    world = settled(web=1)
    (instance,) = world.containers.values()
    assert checks_of(replace(instance, checks="{")) == r.Checks()


def test_two_old_instances_of_a_slot_do_not_stop_the_third_release() -> None:
    world = settled(web=1)
    world.surge = 0.25
    world.deploy("deaf")
    for _ in range(4):
        world.look()
    assert len(world.containers) == 2
    world.deploy("good")
    world.come_to_rest()
    assert [i.identity.release for i in world.containers.values()] == [4]


def test_the_app_goes_back_to_the_latest_release_that_ever_succeeded() -> None:
    world = settled(web=1)
    world.surge = 1.0
    world.deploy("good")
    for _ in range(3):
        world.look()
    for id_ in world.containers:
        world.check(id_)
    assert len(world.containers) == 2  # v3 is ready, and no router has it yet
    world.deploy("missing")
    for _ in range(6):
        world.look()
    assert world.app.release == 2
    assert world.rollouts[4].document.phase == "failed"


def test_retiring_an_old_release_waits_for_every_router() -> None:
    world = settled(web=1)
    world.deploy("good")
    for _ in range(3):
        world.look()
    for id_ in world.containers:
        world.check(id_)
    world.route()
    view = world.view()
    assert any(isinstance(step, Retire) for step in steps(view))
    second = replace(view.routers[0], id="router-2", node="node-2", present=False, instances={})
    waiting = replace(view, routers=(*view.routers, second))
    assert not any(isinstance(step, Retire) for step in steps(waiting))
    assert not any(isinstance(step, Retire) for step in steps(replace(view, routers=())))


def test_a_change_of_words_alone_may_wait() -> None:
    world = settled(web=1)
    world.deploy("deaf")
    for _ in range(3):
        world.look()
    world.look()
    filed = world.rollouts[3]
    world.rollouts[3] = Filed(filed.document.changed(waiting="something else"), filed.revision)
    (write,) = steps(world.view())
    assert isinstance(write, WriteRollout)
    assert write.words_only
