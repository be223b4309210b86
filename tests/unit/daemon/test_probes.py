from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from libs.daemon import Daemon, Loop, command, probes
from tests.support.waiting import eventually


@asynccontextmanager
async def admin(*daemons: Daemon, registry: CollectorRegistry) -> AsyncIterator[aiohttp.ClientSession]:
    app = probes.application(daemons, registry)
    async with (
        probes.listen(app, "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        yield session


async def text(session: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    async with session.get(path) as answer:
        return answer.status, await answer.text()


async def test_a_daemon_without_conditions_is_still_starting() -> None:
    registry = CollectorRegistry()
    async with admin(Daemon("router", registry), registry=registry) as session:
        assert await text(session, "/livez") == (200, "ok\n")
        assert await text(session, "/readyz") == (503, "router: starting\n")


async def test_readiness_names_what_is_missing_and_liveness_does_not_care() -> None:
    registry = CollectorRegistry()
    daemon = Daemon("router", registry)
    complete = False
    daemon.ready["mirrors complete"] = lambda: complete
    daemon.ready["listener open"] = lambda: True
    async with admin(daemon, registry=registry) as session:
        assert await text(session, "/readyz") == (503, "router: mirrors complete\n")
        assert await text(session, "/livez") == (200, "ok\n")
        complete = True
        assert await text(session, "/readyz") == (200, "ok\n")


async def test_statusz_tells_each_loop_and_why_it_ran() -> None:
    registry = CollectorRegistry()
    daemon = Daemon("router", registry)
    looked = asyncio.Event()

    async def body() -> None:
        looked.set()

    daemon.facts["pool"] = lambda: {"free": 3}
    loop: Loop = daemon.loop("apply_endpoints", body, every=3600)
    async with admin(daemon, registry=registry) as session, asyncio.TaskGroup() as group:
        task = group.create_task(loop.run(), name="apply_endpoints")
        await looked.wait()
        async with session.get("/statusz") as answer:
            status = await answer.json()
        task.cancel()
    assert status["daemons"]["router"]["facts"] == {"pool": {"free": 3}}
    told = status["daemons"]["router"]["loops"]["apply_endpoints"]
    assert told["woken_by"] == "start"
    assert told["runs"] == 1
    assert "apply_endpoints" in status["tasks"]


async def test_metrics_are_in_the_text_format() -> None:
    registry = CollectorRegistry()
    async with admin(Daemon("router", registry), registry=registry) as session, session.get("/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")


async def test_metrics_tell_readiness_and_failing_loops() -> None:
    registry = CollectorRegistry()
    daemon = Daemon("publisher", registry)
    answers = False
    daemon.ready["engine answered"] = lambda: answers

    async def body() -> None:
        raise ConnectionRefusedError

    loop = daemon.loop("publish_instances", body, every=3600, expected=(ConnectionRefusedError,))
    async with admin(daemon, registry=registry) as session, asyncio.TaskGroup() as group:
        task = group.create_task(loop.run(), name="publish_instances")
        await eventually(lambda: loop.status.failures == 1)
        _, told = await text(session, "/metrics")
        task.cancel()
        answers = True
        _, later = await text(session, "/metrics")
    assert 'deis_loop_failures{daemon="publisher",loop="publish_instances"} 1.0' in told
    assert 'deis_ready{daemon="publisher"} 0.0' in told
    assert 'deis_ready{daemon="publisher"} 1.0' in later


async def test_a_daemon_is_not_ready_before_all_its_parts_are_built(monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = Daemon("router", CollectorRegistry())
    building, built = asyncio.Event(), asyncio.Event()

    async def serve(daemon: Daemon) -> None:
        daemon.ready["named early"] = lambda: True
        building.set()
        await built.wait()
        await daemon.run()

    monkeypatch.setattr(command, "find", lambda _: serve)
    async with asyncio.TaskGroup() as group:
        group.create_task(command.serve_one(daemon), name="router")
        await building.wait()
        assert probes.unready([daemon]) == ["router: started"]
        built.set()
        await eventually(lambda: not probes.unready([daemon]))
        daemon.stopping.set()


async def test_a_fact_of_a_conditions_name_says_why_it_does_not_hold() -> None:
    daemon = Daemon("router", CollectorRegistry())
    daemon.ready["the key"] = lambda: False
    daemon.facts["the key"] = lambda: "it is elsewhere; bring it"
    assert probes.unready([daemon]) == ["router: the key: it is elsewhere; bring it"]
