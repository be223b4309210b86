"""A release that cannot work: the deploy says why, and the one before answers all along."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.e2e.conftest import Settled
from tests.support.tenant import Tenant, unharmed
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)

FEW = {"keeping": 4, "fresh": 2, "per_second": 10.0, "websockets": 4}
PROBES = {
    "readinessProbe": {"httpGet": {"path": "/ready"}, "periodSeconds": 1},
    "livenessProbe": {"httpGet": {"path": "/live"}, "periodSeconds": 1, "failureThreshold": 2},
}


async def missing_image(tenant: Tenant) -> str:
    """An image that nobody has."""
    return await tenant.deis("pull", "example-nowhere:v9", check=False)


async def exits_at_once(tenant: Tenant) -> str:
    """A config value that it cannot do with."""
    return await tenant.deis("config:set", "EXIT=1", check=False)


async def never_ready(tenant: Tenant) -> str:
    """A readiness probe that never passes."""
    return await tenant.deis("config:set", "OFF=ready", check=False)


async def not_live(tenant: Tenant) -> str:
    """A liveness probe that fails from the start."""
    return await tenant.deis("config:set", "OFF=live", check=False)


async def cannot_live(tenant: Tenant) -> str:
    """A new liveness probe that nothing of it can pass."""
    probe = ("liveness", "httpGet", "--path", "/live", "--status", "418", "--period", "1", "--failure", "2")
    return await tenant.deis("healthchecks:set", *probe, "--type", "cmd", check=False)


@pytest.mark.parametrize(
    ("deploy", "reasons"),
    [
        (missing_image, ["example-nowhere:v9"]),
        (exits_at_once, ["exited", "steady: no database is configured"]),
        (never_ready, ["GET /ready answered 503"]),
        (not_live, ["GET /live answered 503"]),
        (cannot_live, ["GET /live answered 200, wants 418"]),
    ],
    ids=["missing image", "exits at once", "never ready", "not live", "cannot live"],
)
async def test_a_failing_deploy_says_why_and_the_release_before_answers_all_along(
    settled: Settled, deploy: Callable[[Tenant], Awaitable[str]], reasons: list[str]
) -> None:
    tenant = await settled("cmd=2", probes=PROBES, startup_limit=5)
    before, ids = tenant.rollout.release, {one.id for one in await tenant.up(2)}
    async with tenant.platform.users(tenant.party(**FEW)) as crowd:
        told = await deploy(tenant)
        await crowd[tenant.name].more(50)
    unharmed(tenant, crowd[tenant.name])
    assert [reason for reason in (*reasons, f"v{before} goes on") if reason not in told] == []
    assert {one.id for one in await tenant.up(2, of=lambda one: one.release == before)} == ids
    assert crowd[tenant.name].closings == []
    await told_everywhere(tenant, before + 1, reasons[0])
    assert await shown_current(tenant) == before


async def told_everywhere(tenant: Tenant, release: int, reason: str) -> None:
    """The release is shown as failed, with the reason, in its list, by itself and in the app's events."""
    listed = {one["version"]: one["state"] for one in await tenant.platform.listing("releases", "-a", tenant.name)}
    assert listed[release] == "failed"
    shown = await tenant.platform.listing("releases:info", f"v{release}", "-a", tenant.name)
    assert (shown["state"], reason in shown["reason"]) == ("failed", True), shown

    async def in_events() -> bool:
        events = await tenant.platform.listing("apps:events", "-a", tenant.name)
        return any(one["kind"] == "failed" and reason in one["message"] for one in events)

    await eventually(in_events, what=f"the failure of v{release} in the events")


async def shown_current(tenant: Tenant) -> int:
    """The release that the list calls current."""
    releases = await tenant.platform.listing("releases", "-a", tenant.name)
    return next(int(one["version"]) for one in releases if one["state"] == "current")


async def test_a_cancelled_rollout_ends_where_it_began(settled: Settled) -> None:
    tenant = await settled("cmd=2")
    before, ids = tenant.rollout.release, {one.id for one in await tenant.up(2)}
    async with tenant.platform.users(tenant.party(**FEW)) as crowd, asyncio.TaskGroup() as group:
        asked = group.create_task(tenant.deis("config:set", "BOOT=60", check=False))
        await tenant.rolling(before + 1)
        assert f"v{before} runs" in await tenant.deis("releases:cancel")
        assert "was cancelled by ada" in await asked
        await crowd[tenant.name].more(50)
    unharmed(tenant, crowd[tenant.name])
    assert {one.id for one in await tenant.up(2)} == ids
    assert crowd[tenant.name].closings == []
    assert await shown_current(tenant) == before
    assert "409" in await tenant.deis("releases:cancel", check=False)


async def asked_for(tenant: Tenant) -> None:
    """In place by the owner's word."""
    await tenant.settings(surge=0)


async def no_room(tenant: Tenant) -> None:
    """In place since the memory of three is more than the node has."""
    ((_, node),) = tenant.records.nodes.items()
    await tenant.deis("limits:set", f"cmd={node.memory * 2 // 5}B")


@pytest.mark.parametrize("why", [asked_for, no_room], ids=["asked for", "no room"])
async def test_a_rollout_in_place_has_no_instance_beyond_the_formation_and_goes_back_to_what_it_stopped(
    settled: Settled, why: Callable[[Tenant], Awaitable[None]]
) -> None:
    tenant = await settled("cmd=2", startup_limit=5, drain_websocket=1)
    await why(tenant)
    await tenant.up(2)
    most = 0

    def count() -> None:
        nonlocal most
        most = max(most, sum(one.state == "running" for one in tenant.records.of_app(tenant.name)))

    tenant.records.instances.on_change(lambda _: count())
    async with tenant.platform.users(tenant.party(**FEW)) as crowd:
        users = crowd[tenant.name]
        await tenant.deis("config:set", "BOOT=1")
        assert most == 2
        assert tenant.rollout.in_place
        good = tenant.rollout.release
        told = await tenant.deis("config:set", "EXIT=1", check=False)
        assert "exited" in told
        await tenant.up(2, of=lambda one: one.release == good)
        await users.answered_by(f"v{good}", more=50)
    unharmed(tenant, users)
