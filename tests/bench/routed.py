"""From the container's first passing check to the first routed answer: the whole event-driven chain."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

import aiohttp

from libs.keyspace.records import Health
from tests.bench.report import Row, spread
from tests.support.platform import Platform
from tests.support.waiting import eventually

APP = "bench-routed"
STARTS = 50
PAUSE = 0.001  # seconds between two requests while the app does not answer yet


async def run(platform: Platform, image: str) -> list[Row]:
    """Start an app's only instance again and again; ask the router without a pause until it answers."""
    await platform.deis("create", APP, "--no-remote")
    await platform.deis("pull", image, "-a", APP)
    passed_to_routed = []
    try:
        for _ in range(STARTS):
            await platform.deis("scale", "cmd=0", "-a", APP)
            await eventually(lambda: not_answering(platform), what="the app without an instance")
            async with asyncio.TaskGroup() as group:
                scaling = group.create_task(platform.deis("scale", "cmd=1", "-a", APP))
                answered = await first_answer(platform)
                await scaling
            passed = await first_pass(platform)
            passed_to_routed.append((answered - passed.timestamp()) * 1000)
    finally:
        await platform.deis("destroy", "-a", APP, f"--confirm={APP}")
    return spread("routed", "first passing check to first routed answer", passed_to_routed, "ms", median=40, p99=150)


async def not_answering(platform: Platform) -> bool:
    """The router has no instance of the app."""
    return (await platform.get(APP))[0] == 503


async def first_answer(platform: Platform) -> float:
    """The wall-clock time at which the router first answered 200."""
    url = f"http://127.0.0.1:{platform.settings.router_http_port}/"
    async with aiohttp.ClientSession() as session, asyncio.timeout(60):
        while True:
            async with session.get(url, headers={"Host": platform.host(APP)}) as answer:
                if answer.status == 200:
                    return time.time()
                await answer.read()
            await asyncio.sleep(PAUSE)


async def first_pass(platform: Platform) -> datetime:
    """When the checker saw the only instance pass, as its verdict says."""
    endpoint = f"127.0.0.1:{platform.settings.etcd_port}"
    prefix = f"/deis/health/{platform.environment.get('DEIS_NODE', '')}"
    listed = await platform.run(
        *("env", "ETCDCTL_API=3", "etcdctl", "--endpoints", endpoint, "get", "--prefix", prefix),
        *("--print-value-only",),
    )
    verdicts = [Health.decode(line.encode()) for line in listed.splitlines() if line.strip()]
    (verdict,) = [one for one in verdicts if one.ready]
    return verdict.since
