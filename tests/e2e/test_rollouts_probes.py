"""What runs is watched: by the router's own eyes, by probes from outside the image, and what is no use is replaced."""

from __future__ import annotations

import asyncio

import pytest

from libs.keyspace.records import Instance
from tests.e2e.conftest import STEADY, Settled
from tests.support.tenant import Tenant, unharmed
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)

FEW = {"keeping": 6, "fresh": 3, "per_second": 12.0, "websockets": 4}
SELDOM = {"readinessProbe": {"httpGet": {"path": "/ready"}, "periodSeconds": 120}}
OFTEN = {"httpGet": {"path": "/ready"}, "periodSeconds": 1, "failureThreshold": 2}


async def suspected(tenant: Tenant, instance: Instance) -> None:
    """The router says that it is out of rotation, for what it saw itself."""

    def seen() -> bool:
        view = tenant.records.view(instance.id)
        return view is not None and view.state == "suspect"

    await eventually(seen, within=60, what=f"{instance.name} suspect in routers/")


async def trusted(tenant: Tenant, instance: Instance) -> None:
    """No router suspects it."""

    def seen() -> bool:
        view = tenant.records.view(instance.id)
        return view is None or view.state != "suspect"

    await eventually(seen, within=60, what=f"{instance.name} not suspect in routers/")


async def test_a_killed_instance_leaves_the_rotation_by_the_routers_own_sight(settled: Settled) -> None:
    # With the publisher away nobody tells the router that the process ended, and the probe is two minutes away.
    tenant = await settled("cmd=2", probes=SELDOM, BOOT=3)
    victim, _ = await tenant.up(2)
    supervisor = tenant.platform.supervisor
    async with tenant.platform.users(tenant.party(**FEW)) as crowd:
        users = crowd[tenant.name]
        await asyncio.to_thread(supervisor.stop, "publisher")
        await tenant.kill(victim)
        await suspected(tenant, victim)
        await asyncio.to_thread(supervisor.start, "publisher")
        await trusted(tenant, victim)
        await users.answered_by(f"@{victim.address}", more=20)
    unharmed(tenant, users, dead=frozenset({victim.id}))


async def test_a_killed_instance_costs_no_request_and_comes_back_in_place(settled: Settled) -> None:
    tenant = await settled("cmd=2", BOOT=1)
    victim, _ = await tenant.up(2)
    async with tenant.platform.users(tenant.party(**FEW)) as crowd:
        users = crowd[tenant.name]
        await tenant.kill(victim)

        def another_run() -> bool:
            now = tenant.records.instance(victim.id)
            return now is not None and now.state == "running" and now.started != victim.started

        await eventually(another_run, what=f"another run of {victim.name}")
        await tenant.up(2)
        await users.answered_by(f"@{victim.address}", more=20)
    unharmed(tenant, users, dead=frozenset({victim.id}))


async def test_a_hung_instance_is_left_out_until_its_check_passes(settled: Settled) -> None:
    tenant = await settled("cmd=2", probes=SELDOM, response_timeout=2)
    hung, _ = await tenant.up(2)
    async with tenant.platform.users(tenant.party(**FEW, patience=60)) as crowd:
        users = crowd[tenant.name]
        await tenant.tell(hung, "/hang")
        await suspected(tenant, hung)
        before = users.answers_of(f"@{hung.address}")
        failed = len(users.failures)
        await users.more(300)  # it accepts connections all the while
        view = tenant.records.view(hung.id)
        assert view is not None
        assert view.state == "suspect"
        assert users.answers_of(f"@{hung.address}") == before
        late = [failure for failure in users.failures[failed:] if "504" not in failure.detail]
        assert late == []
        await tenant.tell(hung, "/unhang")
        await trusted(tenant, hung)
        await users.answered_by(f"@{hung.address}", more=20)
    assert {failure.what for failure in users.failures} <= {"status"}


async def test_an_instance_that_is_not_live_is_replaced_under_another_id_without_a_failed_request(
    settled: Settled,
) -> None:
    liveness = {"httpGet": {"path": "/live"}, "periodSeconds": 1, "failureThreshold": 2}
    probes = {"readinessProbe": OFTEN, "livenessProbe": liveness}
    tenant = await settled("cmd=2", probes=probes, drain_websocket=1)
    ill, well = await tenant.up(2)
    release = tenant.rollout.release
    async with tenant.platform.users(tenant.party(**FEW)) as crowd:
        users = crowd[tenant.name]
        await tenant.tell(ill, "/switch?live=off")

        def replaced() -> Instance | None:
            ids = {one.id: one for one in tenant.instances}
            found = [one for id_, one in ids.items() if id_ not in {ill.id, well.id}]
            return found[0] if found and ill.id not in ids and well.id in ids else None

        new = await eventually(replaced, within=60, what=f"{ill.name} replaced")
        assert (new.type, new.number, new.release) == (ill.type, ill.number, release)
        await tenant.up(2)
        await users.answered_by(f"@{new.address}", more=20)
    unharmed(tenant, users)
    assert tenant.rollout.release == release


async def test_readiness_takes_an_instance_out_and_back_and_where_none_is_ready_all_are_used(settled: Settled) -> None:
    tenant = await settled("cmd=2", probes={"readinessProbe": OFTEN})
    one, other = await tenant.up(2)

    async def published(instance: Instance, *, ready: bool) -> None:
        def so() -> bool:
            record = tenant.records.services.get(tenant.name, instance.id)
            return record is not None and record.ready is ready

        await eventually(so, what=f"{instance.name} published as {'ready' if ready else 'unready'}")

    async def alarmed() -> bool:
        _, app = await tenant.api("GET", "")
        return any(alarm["kind"] == "unready" for alarm in app["alarms"])

    async with tenant.platform.users(tenant.party(**FEW)) as crowd:
        users = crowd[tenant.name]
        await tenant.tell(one, "/switch?ready=off")
        await published(one, ready=False)
        await users.more(20)  # those on their way
        before = users.answers_of(f"@{one.address}")
        await users.more(100)
        assert users.answers_of(f"@{one.address}") == before
        await tenant.tell(other, "/switch?ready=off")
        await published(other, ready=False)
        await eventually(alarmed, what="the alarm that none is ready")
        await users.answered_by(f"@{one.address}", more=20)
        await users.answered_by(f"@{other.address}", more=20)
        await tenant.tell(one, "/switch?ready=on")
        await tenant.tell(other, "/switch?ready=on")
        await published(one, ready=True)
        await published(other, ready=True)
        await eventually(lambda: not_alarmed(tenant), what="the end of the alarm")
        await users.answered_by(f"@{one.address}", more=20)
    unharmed(tenant, users)


async def not_alarmed(tenant: Tenant) -> bool:
    """The app has no alarm."""
    _, app = await tenant.api("GET", "")
    return bool(app["alarms"] == [])


async def test_a_worker_is_probed_by_a_command_in_it_and_replaced_when_that_fails(settled: Settled) -> None:
    tenant = await settled("cmd=1")
    procfile = "worker: exec /bin/steady work"
    await tenant.deis("pull", f"{STEADY}:v2", "--procfile", procfile)
    up = {"exec": {"command": ["/bin/sh", "-c", "test -e /tmp/up"]}, "periodSeconds": 1, "failureThreshold": 30}
    well = {"exec": {"command": ["/bin/sh", "-c", "test ! -e /tmp/ill"]}, "periodSeconds": 1, "failureThreshold": 2}
    await tenant.healthcheck(worker={"startupProbe": up, "livenessProbe": well})
    await tenant.deis("scale", "worker=1")

    def workers() -> list[Instance]:
        return [one for one in tenant.instances if one.type == "worker" and one.state == "running"]

    (ill,) = await eventually(workers, what="a worker")
    await tenant.platform.docker("exec", ill.name, "/bin/sh", "-c", ": > /tmp/ill")

    def replaced() -> Instance | None:
        found = workers()
        return found[0] if len(found) == 1 and found[0].id != ill.id else None

    new = await eventually(replaced, within=60, what=f"{ill.name} replaced")

    def ready() -> bool:
        verdict = tenant.records.verdict(new.id)
        return verdict is not None and verdict.ready and verdict.live

    await eventually(ready, what=f"{new.name} ready")
