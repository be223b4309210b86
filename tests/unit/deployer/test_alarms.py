"""What is wrong with what runs is in the record while it is, and is told of when it begins and ends."""

from __future__ import annotations

from dataclasses import replace

from libs.keyspace import records as r
from services.controller.deployer.alarms import MOST
from services.controller.deployer.plan import plan
from services.controller.deployer.steps import Quote, WriteRollout
from services.controller.deployer.view import Filed
from tests.support.deployer.healing import only, running, words
from tests.support.deployer.world import World


def alarms(world: World) -> dict[str, r.Alarm]:
    return world.rollouts[world.app.release].document.alarms


def look(world: World, times: int = 3) -> None:
    """The checker's word, and what the deployer makes of it."""
    for _ in range(times):
        for id_ in list(world.containers):
            world.check(id_)
        world.route()
        world.look()


def crash(world: World, id_: str, code: int = 3) -> None:
    """Its process exits; the engine waits before it runs it again."""
    found = world.containers[id_]
    world.containers[id_] = replace(
        found, state="restarting", exit_code=code, reason=f"exited with code {code}", restarts=found.restarts + 1
    )


def run_again(world: World, id_: str) -> None:
    world.pass_time(1)
    world.containers[id_] = replace(world.containers[id_], state="running", started=world.now)


def deafen(world: World, *ids: str) -> None:
    world.deaf |= set(ids)


def test_a_crash_is_told_at_once_with_its_last_lines_and_kept_until_it_was_ready_for_a_while() -> None:
    world = running(worker=1)
    id_ = only(world)
    crash(world, id_)
    look(world)
    alarm = alarms(world)[id_]
    assert (alarm.kind, alarm.about, alarm.since) == ("crashed", "worker.1", world.now)
    assert alarm.message == "worker.1 crashed (exited with code 3) and is started again; 1 restart"
    assert alarm.last_lines == ("its last words",)
    run_again(world, id_)
    look(world)
    world.pass_time(29)
    look(world)
    assert id_ in alarms(world)
    world.pass_time(1)
    look(world)
    assert alarms(world) == {}
    assert [kind for kind, _ in words(world)] == ["crashed", "recovered"]
    assert words(world)[-1] == ("recovered", "worker.1 runs and is ready again")


def test_a_crash_loop_is_one_alarm_whose_count_is_written_now_and_then() -> None:
    world = running(worker=1)
    id_ = only(world)
    written = []
    for _ in range(40):
        crash(world, id_)
        look(world, 1)
        run_again(world, id_)
        look(world, 1)
        written.append(world.rollouts[2].revision)
    assert len(set(written)) <= 4
    assert alarms(world)[id_].message.endswith("; 31 restarts")
    assert [kind for kind, _ in words(world)] == ["crashed"]


def test_the_count_is_right_in_the_end() -> None:
    world = running(worker=1)
    id_ = only(world)
    for _ in range(3):
        crash(world, id_)
        look(world, 1)
        run_again(world, id_)
        look(world, 1)
    assert alarms(world)[id_].message.endswith("; 1 restart")
    world.pass_time(28)
    look(world)
    assert alarms(world)[id_].message.endswith("; 3 restarts")


def test_another_reason_of_a_crash_is_written_at_once_with_its_own_last_lines() -> None:
    world = running(worker=1)
    id_ = only(world)
    crash(world, id_)
    look(world)
    crash(world, id_, code=137)
    world.look()
    assert alarms(world)[id_].message == "worker.1 crashed (exited with code 137) and is started again; 2 restarts"
    assert alarms(world)[id_].last_lines == ()
    quotes = [step for step in plan(world.view(), world.fresh).steps if isinstance(step, Quote)]
    assert quotes == []  # they are being read, or were
    look(world)
    assert alarms(world)[id_].last_lines == ("its last words",)


def test_the_last_lines_of_one_that_wrote_nothing_are_not_asked_for_again_and_again() -> None:
    world = running(worker=1)
    world.last_words = ()
    crash(world, only(world))
    look(world)
    assert plan(world.view(), world.fresh).steps == ()
    world.pass_time(61)
    look(world)
    assert plan(world.view(), world.fresh).steps == ()


def test_last_lines_that_the_engine_did_not_give_at_first_are_asked_for_again() -> None:
    world = running(worker=1)
    world.last_words = ()
    id_ = only(world)
    crash(world, id_)
    look(world)
    world.last_words = ("its last words",)
    world.pass_time(11)
    look(world)
    assert alarms(world)[id_].last_lines == ("its last words",)


def test_one_that_ran_again_after_a_crash_long_ago_and_turns_unready_has_not_crashed() -> None:
    world = running(web=2)
    first = min(world.containers)
    world.exit(first)
    look(world)
    deafen(world, first)
    look(world)
    assert alarms(world) == {}


def test_a_type_of_which_nobody_is_ready_is_one_alarm() -> None:
    world = running(web=3, worker=1)
    deafen(world, *world.containers)
    look(world)
    assert {key: alarm.message for key, alarm in alarms(world).items()} == {
        "web": "no instance of web passes its readiness check; all 3 stay in use: no answer",
        "worker": "no instance of worker passes its readiness check: no answer",
    }
    world.deaf = set(sorted(world.deaf)[1:])
    look(world)
    assert "web" not in alarms(world)
    assert ("recovered", "web passes its readiness check again") in words(world)


def test_one_of_a_type_that_is_unready_while_others_are_ready_is_no_alarm() -> None:
    world = running(web=2)
    deafen(world, min(world.containers))
    look(world)
    assert alarms(world) == {}
    assert world.told == []


def test_a_missing_verdict_neither_begins_nor_ends_an_alarm() -> None:
    world = running(web=2)
    one, other = sorted(world.containers)
    deafen(world, one, other)
    world.check(one)
    del world.health[other]
    world.look()
    assert alarms(world) == {}
    look(world)
    assert set(alarms(world)) == {"web"}
    world.health.clear()
    for _ in range(3):
        world.look()
    assert set(alarms(world)) == {"web"}
    assert [kind for kind, _ in words(world)] == ["unready"]


def test_alarms_of_what_is_gone_end_without_a_word() -> None:
    world = running(worker=2)
    first, second = sorted(world.containers)
    crash(world, second)
    look(world)
    world.change(formation={"worker": 1})
    world.come_to_rest()
    assert world.containers.keys() == {first}
    assert alarms(world) == {}
    assert "recovered" not in [kind for kind, _ in words(world)]


def test_an_alarm_is_told_once_whoever_leads() -> None:
    world = running(web=1, worker=1)
    web, worker = sorted(world.containers, key=lambda id_: world.containers[id_].identity.type)
    crash(world, worker)
    deafen(world, web)
    look(world)
    for _ in range(3):
        world.crash()
        look(world)
    assert sorted(kind for kind, _ in words(world)) == ["crashed", "unready"]
    run_again(world, worker)
    world.deaf.clear()
    look(world)
    world.pass_time(30)
    look(world)
    for _ in range(2):
        world.crash()
        look(world)
    assert sorted(kind for kind, _ in words(world)) == ["crashed", "recovered", "recovered", "unready"]


def test_a_new_release_takes_over_the_alarms_of_what_it_has_not_replaced_yet() -> None:
    world = running(web=1, worker=1)
    worker = next(id_ for id_, i in world.containers.items() if i.identity.type == "worker")
    crash(world, worker)
    look(world)
    before = alarms(world)[worker]
    world.manners[3] = "deaf"
    world.change(release=3, latest=3)
    look(world)
    assert not world.rollouts[3].document.settled
    assert alarms(world)[worker] == before
    assert [kind for kind, _ in words(world)] == ["crashed"]


def test_what_a_running_rollout_starts_raises_no_alarm() -> None:
    world = running(web=1)
    world.deploy("deaf")
    look(world, 5)
    assert {i.identity.release for i in world.containers.values()} == {2, 3}
    assert alarms(world) == {}


def test_a_release_that_is_gone_back_to_does_not_bring_its_old_alarms_back() -> None:
    world = running(web=1)
    stale = r.Alarm(kind="unready", about="web", since=world.now, message="long ago")
    world.deploy("good")
    world.come_to_rest()
    filed = world.rollouts[2]
    world.rollouts[2] = Filed(filed.document.changed(alarms={"web": stale}), filed.revision)
    world.told.clear()
    world.change(release=2)
    world.come_to_rest()
    assert alarms(world) == {}
    assert "recovered" not in [kind for kind, _ in words(world)]


def test_a_record_holds_a_bounded_number_of_alarms_and_says_how_many_more_there_are() -> None:
    world = running(worker=MOST + 7)
    for id_ in world.containers:
        crash(world, id_)
    look(world)
    held = alarms(world)
    assert len(held) == MOST
    assert [alarm.message.endswith("; and 7 more alarms") for alarm in held.values()].count(True) == 1
    assert len(world.told) == MOST


def test_alarms_cost_no_write_while_nothing_changes() -> None:
    world = running(web=2)
    deafen(world, *world.containers)
    look(world)
    assert not [step for step in plan(world.view(), world.fresh).steps if isinstance(step, WriteRollout)]
    world.pass_time(3600)
    assert not [step for step in plan(world.view(), world.fresh).steps if isinstance(step, WriteRollout)]


def test_one_that_never_started_says_so_in_the_checkers_words() -> None:
    world = running(web=1)
    id_ = only(world)
    run = world.containers[id_].started
    world.health[id_] = r.Health(
        started=False, ready=False, live=False, since=world.now, run=run, live_reason="did not start within 30 s: no"
    )
    world.look()
    assert alarms(world)[id_].message == "web.1 did not start within 30 s: no"


def replaced(world: World) -> str:
    """What stands in the place of the one that is not live, a moment after it was replaced."""
    (old,) = world.live()
    world.sick.add(old)
    while old in world.live():
        look(world, 1)
    look(world, 2)
    (new,) = world.live()
    return new


def test_one_that_took_anothers_place_has_its_alarm_until_it_was_live_and_ready_for_a_minute() -> None:
    world = running(web=1)
    began = world.now
    new = replaced(world)
    (alarm,) = alarms(world).values()
    assert set(alarms(world)) == {new}
    assert (alarm.kind, alarm.about, alarm.since) == ("not_live", "web.1", began)
    assert (
        alarm.message
        == "web.1 failed its liveness check (it hangs); replaced 1 time, the next time 10 s after the last"
    )
    world.pass_time(59)
    look(world)
    assert set(alarms(world)) == {new}
    world.pass_time(1)
    look(world)
    assert alarms(world) == {}
    assert [kind for kind, _ in words(world)] == ["not_live", "replaced", "recovered"]


def test_instances_that_are_replaced_again_and_again_are_one_alarm_that_counts() -> None:
    world = running(web=1)
    began = world.now
    for _ in range(4):
        new = replaced(world)
        world.pass_time(45)
        assert alarms(world)
    (alarm,) = alarms(world).values()
    assert (set(alarms(world)), alarm.since) == ({new}, began)
    assert alarm.message.endswith("; replaced 4 times, the next time 80 s after the last")
    assert [kind for kind, _ in words(world)] == ["not_live", *["replaced"] * 4]
    assert words(world)[-1] == ("replaced", "web.1 failed its liveness check (it hangs) and was replaced")


def test_in_place_the_alarm_stands_while_nobody_is_there() -> None:
    world = running(web=1)
    world.change(settings=r.AppSettings(surge="0"))
    (old,) = world.containers
    world.sick.add(old)
    seen = set()
    while not world.live().keys() - {old}:
        look(world, 1)
        assert [alarm.kind for alarm in alarms(world).values()] == ["not_live"]
        seen.add(len(world.live()))
    assert seen == {0, 1}
