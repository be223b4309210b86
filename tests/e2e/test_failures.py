"""Daemons, etcd and the engine are killed while requests flow: apps keep answering, and what is restarted converges."""

from __future__ import annotations

import pytest

from deploy.local.settings import PROCESSES
from tests.support.platform import Platform
from tests.support.waiting import eventually

DAEMONS = tuple(PROCESSES["separate"])


async def converges(deis_platform: Platform, app: str) -> None:
    """The platform does a change of the app without help."""
    await deis_platform.ready()
    await deis_platform.deis("scale", "cmd=3", "-a", app)
    assert len(await deis_platform.containers(app)) == 3
    processes = await deis_platform.listing("ps", "-a", app)
    assert [one["state"] for one in processes] == ["up", "up", "up"]


@pytest.mark.parametrize(
    "programs",
    [*((daemon,) for daemon in DAEMONS), ("etcd",), ("docker",), DAEMONS, (*DAEMONS, "etcd")],
    ids=lambda programs: programs[0] if len(programs) == 1 else f"{len(programs)} at once",
)
async def test_apps_answer_while_it_is_killed_and_it_converges(
    deis_platform: Platform, app: str, programs: tuple[str, ...]
) -> None:
    before = await deis_platform.containers_at_rest(app)
    async with deis_platform.traffic(app).flowing() as traffic:
        await deis_platform.kill(*programs)
        await deis_platform.ready()
        await traffic.more(200)
    assert traffic.failures == []
    assert await deis_platform.containers(app) == before
    await converges(deis_platform, app)


async def test_a_killed_haproxy_serves_again_without_help(deis_platform: Platform, app: str) -> None:
    await deis_platform.kill("haproxy")

    async def answers() -> bool:
        try:
            return (await deis_platform.get(app))[0] == 200
        except OSError:
            return False

    await eventually(answers, what="the app answers again")
    await converges(deis_platform, app)


async def test_a_killed_app_is_taken_out_and_comes_back_in_place(deis_platform: Platform, app: str) -> None:
    victim, *_ = before = await deis_platform.containers_at_rest(app)
    await deis_platform.docker("kill", victim)

    async def both_up() -> bool:
        processes = await deis_platform.listing("ps", "-a", app)
        return [one["state"] for one in processes] == ["up", "up"]

    await eventually(both_up, within=60, what="both instances up")
    assert await deis_platform.containers(app) == before
