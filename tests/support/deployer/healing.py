"""A world whose instances fall ill, and what everybody does about them."""

from __future__ import annotations

from libs.keyspace import records as r
from tests.support.deployer.world import World


def running(**formation: int) -> World:
    """A world in which v2 runs; one instance may be there beside those of a type."""
    world = World(surge=0.01)
    world.change(formation=formation)
    world.deploy("good")
    world.come_to_rest()
    world.told.clear()
    return world


def work(world: World, times: int = 6, *, seconds: float = 0.01) -> None:
    """Everybody does their work for a moment; so long after each time."""
    for _ in range(times):
        for id_ in list(world.containers):
            world.check(id_)
        world.route()
        world.read_logs()
        world.look()
        world.pass_time(seconds)


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
