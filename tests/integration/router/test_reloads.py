from __future__ import annotations

import asyncio
import re
from contextlib import suppress

from tests.integration.router.backends import backends
from tests.integration.router.clients import echo, load, websocket
from tests.integration.router.mesh import Mesh
from tests.support.waiting import eventually

HOST = "shop.example.test"


async def test_a_websocket_in_an_old_worker_keeps_its_server_from_being_gone(mesh: Mesh) -> None:
    async with backends("old", "new") as (old, new):
        async with mesh.running():
            await mesh.app("shop")
            await mesh.publish("shop", "old", old)
            await mesh.answers(HOST, "old")
        larger = mesh.settings.model_copy(update={"router_pool": 16})
        async with websocket(mesh.haproxy.port, HOST) as stream, mesh.running(larger):
            await eventually(lambda: "app15" in mesh.haproxy.ask("show stat -1 2 -1"))
            await mesh.publish("shop", "new", new)
            await mesh.roll("shop", "new")
            await mesh.says("new", "in_rotation")
            await mesh.retire("shop", "old")
            await mesh.counts("old", 1, websockets=1)
            assert await echo(stream, b"hello") == b"hello"
            stream[1].close()
            await mesh.says("old", "gone")


async def test_a_reload_waits_for_the_end_of_a_drain(mesh: Mesh) -> None:
    async with backends("old", "new") as (old, new):
        async with mesh.running():
            await mesh.app("shop")
            await mesh.publish("shop", "old", old)
            await mesh.publish("shop", "new", new)
            await mesh.roll("shop", "old", "new")
            await mesh.says("old", "in_rotation")
            await mesh.says("new", "in_rotation")
        async with asyncio.TaskGroup() as group:
            slow = [group.create_task(mesh.get(HOST, "/slow")) for _ in range(2)]
            await eventually(lambda: old.waiting)
            await mesh.retire("shop", "old")
            larger = mesh.settings.model_copy(update={"router_pool": 16})
            async with mesh.running(larger):
                await mesh.says("old", "draining")
                assert "app15" not in mesh.haproxy.ask("show stat -1 2 -1")
                new.release.set()
                old.release.set()
                await mesh.says("old", "gone")
                await eventually(lambda: "app15" in mesh.haproxy.ask("show stat -1 2 -1"))
            assert {(await task).status for task in slow} == {200}


async def test_a_haproxy_of_an_older_configuration_is_reloaded_before_timeouts_are_set(mesh: Mesh) -> None:
    configuration = mesh.haproxy.home / "haproxy.cfg"
    mesh.haproxy.kill9()
    text = configuration.read_text()
    older = re.sub(r"(?m)^ .*(timeouts\.map|txn\.timeout|log |log-format|track-sc|check ).*\n", "", text)
    configuration.write_text(older.replace("description deis-", "description deis-older-"))
    (mesh.haproxy.home / "timeouts.map").unlink()
    mesh.haproxy.start()
    async with backends("one") as (one,), load(mesh.haproxy.port, HOST) as seen, mesh.running() as daemon:
        await mesh.app("shop", timeout=1)
        await mesh.publish("shop", "one", one)
        await mesh.answers(HOST, "one")
        await mesh.ready(daemon)
        shown = f"show map {mesh.haproxy.home}/timeouts.map"
        await eventually(lambda: "shop 1000" in mesh.haproxy.ask(shown))

        async def timed() -> bool:
            with suppress(TimeoutError):  # the old worker may have taken this one, and has no timeout for it
                async with asyncio.timeout(5):
                    return (await mesh.get(HOST, "/slow")).status == 504
            return False

        await eventually(timed)
        await eventually(lambda: mesh.in_haproxy("one").watched is False)
        await seen.more(100)
    assert {
        failure for failure in seen.failures if "status=404" not in failure and "status=503" not in failure
    } == set()


async def test_a_haproxy_without_the_loggers_back_end_is_reloaded_before_it_is_told_of_them(mesh: Mesh) -> None:
    configuration = mesh.haproxy.home / "haproxy.cfg"
    mesh.haproxy.kill9()
    text = configuration.read_text()
    older = re.sub(r"(?m)^backend loggers from pool\n(    .*\n)*", "", text)
    older = re.sub(r"(?m)^ .*txn\.logger.*\n", "", older)
    configuration.write_text(older.replace("description deis-", "description deis-older-"))
    mesh.haproxy.start()
    async with backends("tails", "api") as (tails, api), mesh.running() as daemon:
        await mesh.controller("c1", api)
        await mesh.logger("node-1", tails)
        await mesh.ready(daemon)
        await eventually(lambda: "loggers/node-1" in mesh.haproxy.ask("show servers conn loggers"))
        async with websocket(mesh.haproxy.port, "deis.example.test", "/logs/node-1/tail") as stream:
            assert await echo(stream, b"hello") == b"hello"
        assert mesh.metric("deis_router_commands_refused") == 0
