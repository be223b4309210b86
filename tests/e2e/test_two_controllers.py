"""Two controllers behind the router: both answer, one deploys, and the loss of either loses nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.conftest import STEADY, Settled
from tests.support.further_controller import Beside, further_controller, leading, own_controller
from tests.support.platform import Platform
from tests.support.tenant import unharmed
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)

WHOAMI = "/v1/auth/whoami"


@pytest_asyncio.fixture
async def second(deis_platform: Platform) -> AsyncIterator[Beside]:
    """The second controller; afterwards the platform's own runs again."""
    async with further_controller(deis_platform) as beside:
        yield beside
    await deis_platform.local("up")
    await deis_platform.ready()


async def test_both_answer_through_the_router(deis_platform: Platform, second: Beside) -> None:
    both = (own_controller(deis_platform), second)
    before = [await one.answered(WHOAMI) for one in both]

    async def both_were_asked() -> bool:
        statuses = [(await deis_platform.api("GET", WHOAMI))[0] for _ in range(20)]
        assert set(statuses) == {200}
        return all([await one.answered(WHOAMI) > count for one, count in zip(both, before, strict=True)])

    await eventually(both_were_asked, within=60, what="requests at both controllers")


async def test_what_one_wrote_the_other_knows(deis_platform: Platform, second: Beside, app: str) -> None:
    for turn in range(10):  # each through the router, to whichever takes it
        await deis_platform.deis("config:set", f"TURN={turn}", "-a", app)
        assert (await deis_platform.listing("config", "-a", app))["TURN"] == str(turn)
    assert await second.ready()


@pytest.mark.parametrize("victim", ["the one that deploys", "the other"])
async def test_the_loss_of_a_controller_in_the_middle_of_a_deploy_loses_nothing(
    deis_platform: Platform, second: Beside, settled: Settled, victim: str
) -> None:
    tenant = await settled("cmd=2", drain_websocket=2)
    both = (own_controller(deis_platform), second)
    leader = await leading(tenant.records, both)
    other = next(one for one in both if one is not leader)
    lost = leader if victim == "the one that deploys" else other
    async with deis_platform.users(tenant.party()) as crowd, asyncio.TaskGroup() as group:
        users = crowd[tenant.name]
        await tenant.deis("config:set", "BOOT=3")
        running = tenant.rollout.release
        deploy = group.create_task(tenant.deis("pull", f"{STEADY}:v2", check=False))
        await tenant.rolling(running + 1)
        os.kill(lost.pid, signal.SIGKILL)
        rollout = await tenant.out(running + 1)
        told = await deploy
        await users.more(100)
        survivor = await leading(tenant.records, [own_controller(deis_platform), second])
    assert "done" in told or "releases:watch" in told or "releases" in told, told
    assert [one.release for one in await tenant.up(2)] == [running + 1] * 2
    assert rollout.phase == "done"
    assert survivor.pid != lost.pid
    unharmed(tenant, users)
    assert (await deis_platform.api("GET", f"/v1/apps/{tenant.name}"))[0] == 200
