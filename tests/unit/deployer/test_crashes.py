"""A leader that dies after any single step of a rollout: the next one ends it as the first would have."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from libs.keyspace import records as r
from tests.support.deployer.healing import work
from tests.support.deployer.world import Manner, World


def running(**settings: object) -> World:
    """A world in which v2 runs three web and a worker; each rests before the next one of a test."""
    world = World()
    given = {"drain_websocket_seconds": 45.0, **settings}
    world.change(formation={"web": 3, "worker": 1}, settings=r.AppSettings(**given))
    world.deploy("good")
    world.come_to_rest()
    return world


def deploy(manner: Manner, **settings: object) -> Callable[[], World]:
    def begin() -> World:
        world = running(**settings)
        for proxy in world.proxies:
            proxy.websockets = {id_: 1 for id_, i in world.containers.items() if i.port is not None}
        world.deploy(manner)
        return world

    return begin


def cancelled(**settings: object) -> Callable[[], World]:
    def begin() -> World:
        world = running(**settings)
        world.deploy("good")
        turn(world, 4)
        world.cancel()
        return world

    return begin


def failing_half_way(**settings: object) -> Callable[[], World]:
    """Its first web serves, its second one crashes."""

    def begin() -> World:
        world = running(**settings)
        world.deploy("good")
        while len([i for i in world.containers.values() if i.identity.release == 3 and i.identity.type == "web"]) < 2:
            turn(world, 1)
        world.exit(max(id_ for id_, i in world.containers.items() if i.identity == newest(world)))
        return world

    return begin


def newest(world: World) -> object:
    """The last web of v3 that was started."""
    new = [i for i in world.containers.values() if i.identity.release == 3 and i.identity.type == "web"]
    return max(new, key=lambda instance: (instance.started, instance.identity.number)).identity


def no_room(begin: Callable[[], World]) -> Callable[[], World]:
    def made() -> World:
        world = begin()
        world.memory, world.room = {"web": "64M"}, 1 << 20
        return world

    return made


def turn(world: World, times: int) -> None:
    for _ in range(times):
        world.answer_requests()
        work(world, 1, seconds=1)


def what_runs(world: World) -> list[tuple[str, int, int]]:
    """Type, number and release of every instance there is."""
    assert {instance.state for instance in world.containers.values()} == {"running"}
    identities = [instance.identity for instance in world.containers.values()]
    return sorted((identity.type, identity.number, identity.release) for identity in identities)


SCENES: dict[str, tuple[Callable[[], World], int, str]] = {
    "a deploy": (deploy("good"), 3, "done"),
    "a deploy one by one": (deploy("good", parallel=1), 3, "done"),
    "a deploy in place": (deploy("good", surge="0"), 3, "done"),
    "a deploy without room": (no_room(deploy("good")), 3, "done"),
    "a crashing release": (deploy("crashing"), 2, "failed"),
    "a missing image": (deploy("missing"), 2, "failed"),
    "a release that never passes": (deploy("deaf", startup_limit_seconds=5.0), 2, "failed"),
    "a crashing release in place": (deploy("crashing", surge="0"), 2, "failed"),
    "a failure half way": (failing_half_way(), 2, "failed"),
    "a failure half way in place": (failing_half_way(surge="0"), 2, "failed"),
    "a cancel": (cancelled(), 2, "cancelled"),
    "a cancel in place": (cancelled(surge="0"), 2, "cancelled"),
}


@pytest.mark.parametrize("scene", SCENES)
def test_a_leader_that_dies_after_any_step_leaves_the_next_one_the_same_end(scene: str) -> None:
    begin, release, phase = SCENES[scene]
    whole = begin()
    whole.steps_left = steps = 10_000
    whole.come_to_rest()
    assert whole.steps_left is not None
    steps -= whole.steps_left
    assert steps > 5
    for after in range(steps + 1):
        world = begin()
        world.steps_left = after
        world.come_to_rest()
        assert world.app.release == release, after
        expected = [("web", 1, release), ("web", 2, release), ("web", 3, release), ("worker", 1, release)]
        assert what_runs(world) == expected, after
        assert world.rollouts[3].document.phase == phase, after
        assert world.rollouts[release].document.phase == "done", after
        planned = {entry.id for entry in world.rollouts[release].document.planned}
        assert planned == world.containers.keys(), after
