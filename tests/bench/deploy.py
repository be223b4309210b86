"""A deploy of the hello example by its phases, from the evidence that it leaves; and requests that fail meanwhile."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from libs.keyspace.records import InstanceEvidence, Rollout
from tests.bench.report import Row
from tests.support.platform import Platform
from tests.support.waiting import eventually

APP = "bench-deploy"
COUNTS = (1, 3)  # instances
DEPLOYS = 6  # measured of each count, with nothing else going on
LOADED = 3  # more of each, under load
DETECTION_MS = 500.0  # from the container's start, so with the app's own; the budget is for the checker's part
ROUTING_MS = 40.0


@dataclass(frozen=True, slots=True)
class Deploy:
    """One that is over to its end. Times on the wall clock."""

    called: float
    answered: float
    gone: float  # no container of the release before is left
    rollout: Rollout

    @property
    def asked(self) -> float:
        """When the API wrote what is wanted."""
        assert self.rollout.asked is not None
        return self.rollout.asked.timestamp()

    @property
    def new(self) -> list[InstanceEvidence]:
        """Those that came."""
        return [one for one in self.rollout.instances.values() if one.release == self.rollout.release]

    @property
    def old(self) -> list[InstanceEvidence]:
        """Those that left."""
        return [one for one in self.rollout.instances.values() if one.release != self.rollout.release]


async def run(platform: Platform, image: str) -> list[Row]:
    """Deploy again and again, first in peace, then under load."""
    await platform.deis("create", APP, "--no-remote")
    rows: list[Row] = []
    try:
        await platform.deis("pull", image, "-a", APP)
        for count in COUNTS:
            await platform.deis("scale", f"cmd={count}", "-a", APP)
            rows += phases(count, [await deploy(platform) for _ in range(DEPLOYS)])
            rows += await under_load(platform, count)
    finally:
        await platform.deis("destroy", "-a", APP, f"--confirm={APP}")
    return rows


async def deploy(platform: Platform) -> Deploy:
    """One, by a change of the config; returns once nothing of the release before is left."""
    called = time.time()
    await platform.deis("config:set", f"DEPLOYED={called}", "-a", APP)
    answered = time.time()

    async def over() -> Rollout | None:
        rollout = await present(platform)
        old = [one for one in rollout.instances.values() if one.release != rollout.release]
        return rollout if old and all(one.stopped for one in old) else None

    async def gone() -> bool:
        return not await platform.docker("ps", "-aq", "--filter", f"name={APP}_v{rollout.release - 1}[.]")

    rollout = await eventually(over, within=60, what="the end of what was replaced")
    await eventually(gone, within=120, what="the removal of what was replaced")
    return Deploy(called, answered, time.time(), rollout)


async def present(platform: Platform) -> Rollout:
    """The record of the app's last release."""
    endpoint = f"127.0.0.1:{platform.settings.etcd_port}"
    listed = await platform.run(
        *("env", "ETCDCTL_API=3", "etcdctl", "--endpoints", endpoint, "get", "--prefix", "/deis/rollouts/"),
        "--print-value-only",
    )
    records = [Rollout.decode(line.encode()) for line in listed.splitlines() if line.strip()]
    return max((one for one in records if one.app == APP), key=lambda one: one.release)


def phases(count: int, deploys: list[Deploy]) -> list[Row]:
    """What each phase took, of all instances of all deploys."""
    new = [(deploy, one) for deploy in deploys for one in deploy.new]
    old = [(deploy, one) for deploy in deploys for one in deploy.old]
    spans = {
        "asked to planned": [at(one.planned) - deploy.asked for deploy, one in new],
        "planned to running": [at(one.started) - at(one.planned) for _, one in new],
        "running to ready": [at(one.ready) - at(one.started) for _, one in new],
        "ready to routed": [at(one.routed) - at(one.ready) for _, one in new],
        "retired to stopped": [at(one.stopped) - at(one.retired) for _, one in old],
        "asked to done": [at(deploy.rollout.succeeded) - deploy.asked for deploy in deploys],
        "the whole call": [deploy.answered - deploy.called for deploy in deploys],
        "asked to the old ones removed": [deploy.gone - deploy.asked for deploy in deploys],
    }
    budgets = {"running to ready": DETECTION_MS, "ready to routed": ROUTING_MS}
    rows = []
    for what, seconds in spans.items():
        of = f"{count} instance{'s' * (count > 1)}, {what}"
        rows.append(
            Row("deploy", f"{of}, median of {len(seconds)}", median(seconds) * 1000, "ms", budgets.get(what, 0))
        )
        rows.append(Row("deploy", f"{of}, slowest", max(seconds) * 1000, "ms"))
    return rows


async def under_load(platform: Platform, count: int) -> list[Row]:
    """Requests that failed while it rolled under keep-alive clients; the budget is none."""
    async with platform.traffic(APP).flowing() as traffic:
        deploys = [await deploy(platform) for _ in range(LOADED)]
    of = f"{count} instance{'s' * (count > 1)}, {LOADED} deploys under load"
    took = [(at(deploy.rollout.succeeded) - deploy.asked) * 1000 for deploy in deploys]
    return [
        Row("deploy", f"{of}, asked to done, median", median(took), "ms"),
        Row("deploy", f"{of}, requests answered", traffic.answered, "requests"),
        Row("deploy", f"{of}, requests failed", len(traffic.failures), "requests", 0.5),
    ]


def at(moment: datetime | None) -> float:
    """A time of the evidence, which is complete of a deploy that is over."""
    assert moment is not None
    return moment.timestamp()
