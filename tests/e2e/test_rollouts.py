"""Releases go out again and again while people use the app: nobody notices."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.e2e.conftest import STEADY, Settled
from tests.support.crowd.seen import Users
from tests.support.tenant import Tenant, unharmed

pytestmark = pytest.mark.timeout(300)


async def every_kind_of_change(tenant: Tenant, turn: int) -> None:
    """Seven rollouts, one of each kind."""
    await tenant.deis("pull", f"{STEADY}:v{1 + turn % 2}")
    await tenant.deis("config:set", f"TURN={turn}")
    await tenant.deis("rollback")
    await tenant.deis("restart")
    await tenant.deis("scale", "cmd=5")
    await tenant.deis("scale", "cmd=2")
    if turn % 2:
        await tenant.deis("limits:set", f"cmd={64 + turn}M")
    else:
        probe = ("readiness", "httpGet", "--path", "/ready", "--period", "1s", "--failure", str(2 + turn))
        await tenant.deis("healthchecks:set", *probe)


async def test_twenty_one_rollouts_under_load_fail_no_request_and_cut_no_websocket(settled: Settled) -> None:
    tenant = await settled("cmd=2", drain_websocket=4)
    platform = tenant.platform
    async with platform.users(tenant.party()) as crowd:
        users = crowd[tenant.name]
        for turn in range(3):
            await every_kind_of_change(tenant, turn)
        await users.more(200)
    print(users.words)  # noqa: T201 - a figure for people
    unharmed(tenant, users)
    assert len(users.closings) > 0
    assert {closing.code for closing in users.closings} == {1001}


SHORT: list[Callable[[Tenant], Awaitable[object]]] = [
    lambda tenant: tenant.deis("pull", f"{STEADY}:v2"),
    lambda tenant: tenant.deis("config:set", "GREETING=hello"),
    lambda tenant: tenant.deis("restart"),
]


async def test_slow_stubborn_lasting_and_lonely_apps_are_rolled_without_a_failed_request(settled: Settled) -> None:
    async with asyncio.TaskGroup() as group:
        made = {
            "slow to boot": group.create_task(settled("cmd=2", BOOT=3, drain_websocket=2)),
            "deaf to SIGTERM": group.create_task(settled("cmd=2", IGNORE_TERM=1, drain_websocket=2, stop_grace=1)),
            "long requests": group.create_task(settled("cmd=2", drain_websocket=2)),
            "one instance": group.create_task(settled("cmd=1", drain_websocket=2)),
        }
    tenants = {kind: task.result() for kind, task in made.items()}
    few = {"keeping": 3, "fresh": 1, "per_second": 10.0, "websockets": 4}
    parties = {kind: tenant.party(**few) for kind, tenant in tenants.items()}
    long = tenants["long requests"].party(path="/slow?seconds=5", keeping=12, fresh=4, per_second=2, websockets=4)
    parties["long requests"] = long
    platform = next(iter(tenants.values())).platform
    async with platform.users(*parties.values()) as crowd:

        async def rolled(tenant: Tenant) -> None:
            for change in SHORT:
                await change(tenant)
            await crowd[tenant.name].more(20)

        async with asyncio.TaskGroup() as group:
            for tenant in tenants.values():
                group.create_task(rolled(tenant))
    seen: list[Users] = [crowd[tenant.name] for tenant in tenants.values()]
    print(*(users.words for users in seen), sep="\n")  # noqa: T201 - figures for people
    for tenant in tenants.values():
        unharmed(tenant, crowd[tenant.name])


@pytest.mark.parametrize("program", ["controller", "publisher", "health_checker", "router", "etcd"])
async def test_a_rollout_under_load_completes_though_it_is_killed_in_the_middle(settled: Settled, program: str) -> None:
    tenant = await settled("cmd=2", BOOT=2, drain_websocket=2)
    platform, before = tenant.platform, tenant.rollout.release
    async with platform.users(tenant.party()) as crowd, asyncio.TaskGroup() as group:
        users = crowd[tenant.name]
        asked = group.create_task(tenant.deis("config:set", "GREETING=hello", check=False))
        await tenant.rolling(before + 1)
        await platform.kill(program)
        await tenant.out(before + 1)
        await platform.ready()
        await users.answered_by(f"v{before + 1}", more=200)
        await asked
    unharmed(tenant, users)
