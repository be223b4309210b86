from __future__ import annotations

import asyncio
from functools import partial

from services.router.drains import CUT_AFTER
from tests.integration.router.backends import Backend, backends
from tests.integration.router.clients import echo, load, websocket
from tests.integration.router.mesh import Mesh
from tests.support.waiting import eventually

HOST = "shop.example.test"


async def route_one(mesh: Mesh, instance: str, backend: Backend) -> None:
    await mesh.publish("shop", instance, backend)
    await mesh.roll("shop", instance)
    await mesh.says(instance, "in_rotation")


async def test_ten_thousand_requests_survive_servers_that_come_and_go(mesh: Mesh) -> None:
    async with backends("keeper") as (keeper,), mesh.running():
        await mesh.app("shop", web=2)
        await route_one(mesh, "keeper", keeper)
        async with load(mesh.haproxy.port, HOST) as seen:
            round_ = 0
            while seen.answered < 12_000 and not seen.failures:
                round_ += 1
                name = f"guest{round_}"
                async with backends(name) as (guest,):
                    await route_one(mesh, name, guest)
                    await eventually(partial(seen.by_name.get, name), what=f"{name} is asked")
                    await mesh.retire("shop", name)
                    await mesh.says(name, "gone")
                await mesh.retired("shop", name)
        assert seen.failures == []
        assert round_ > 3
        assert mesh.servers() == {"keeper"}


async def test_posts_survive_a_replacement_of_every_server(mesh: Mesh) -> None:
    async with mesh.running():
        await mesh.app("shop")
        async with backends("a0") as (first,):
            await route_one(mesh, "a0", first)
            async with load(mesh.haproxy.port, HOST, method="POST") as seen:
                for number in range(1, 6):
                    async with backends(f"a{number}") as (fresh,):
                        await route_one(mesh, f"a{number}", fresh)
                        await seen.more(200)
                        await mesh.retire("shop", f"a{number}")
                        await mesh.says(f"a{number}", "gone")
        assert seen.failures == []


async def test_a_slow_request_is_answered_before_its_server_is_gone(mesh: Mesh) -> None:
    async with backends("old", "new") as (old, new), mesh.running(), asyncio.TaskGroup() as group:
        await mesh.app("shop")
        await route_one(mesh, "old", old)
        slow = group.create_task(mesh.get(HOST, "/slow"))
        await eventually(lambda: old.waiting)
        await route_one(mesh, "new", new)
        await mesh.retire("shop", "old")
        await mesh.counts("old", 1)
        assert (await mesh.get(HOST)).body == "new"
        assert not slow.done()
        old.release.set()
        assert (await slow).body == "old"
        await mesh.says("old", "gone")
        assert mesh.servers() == {"new"}


async def test_a_websocket_counts_as_in_flight_and_is_not_cut(mesh: Mesh) -> None:
    async with backends("old", "new") as (old, new), mesh.running():
        await mesh.app("shop")
        await route_one(mesh, "old", old)
        await mesh.answers(HOST, "old")
        async with websocket(mesh.haproxy.port, HOST) as stream:
            await route_one(mesh, "new", new)
            await mesh.retire("shop", "old", seconds=0)
            await mesh.counts("old", 1, websockets=1)
            assert await echo(stream, b"still here") == b"still here"
        await mesh.says("old", "gone")


async def test_requests_and_websockets_are_told_apart_while_they_drain(mesh: Mesh) -> None:
    async with backends("old", "new") as (old, new), mesh.running(), asyncio.TaskGroup() as group:
        await mesh.app("shop")
        await route_one(mesh, "old", old)
        await mesh.answers(HOST, "old")
        async with websocket(mesh.haproxy.port, HOST), websocket(mesh.haproxy.port, HOST) as second:
            slow = group.create_task(mesh.get(HOST, "/slow"))
            await eventually(lambda: old.waiting)
            await route_one(mesh, "new", new)
            await mesh.retire("shop", "old")
            await mesh.counts("old", 3, websockets=2)
            old.release.set()
            assert (await slow).body == "old"
            await mesh.counts("old", 2, websockets=2)
            second[1].close()
            await mesh.counts("old", 1, websockets=1)
        await mesh.says("old", "gone")


async def test_websockets_outlive_the_deadline_of_requests_and_not_their_own(mesh: Mesh) -> None:
    async with backends("old", "new") as (old, new), mesh.running():
        await mesh.app("shop")
        await route_one(mesh, "old", old)
        await mesh.answers(HOST, "old")
        async with websocket(mesh.haproxy.port, HOST) as stream:
            await route_one(mesh, "new", new)
            await mesh.retire("shop", "old", seconds=0, websocket_seconds=600)
            await mesh.counts("old", 1, websockets=1)
            assert mesh.in_haproxy("old").state == "drain"
            assert await echo(stream, b"still here") == b"still here"
            await mesh.retire("shop", "old", seconds=0, websocket_seconds=0)
            await eventually(lambda: mesh.in_haproxy("old").state == "maint")
            assert await echo(stream, b"the instance is yet to stop") == b"the instance is yet to stop"
            await mesh.retire("shop", "old", seconds=0, websocket_seconds=-CUT_AFTER - 1)
            async with asyncio.timeout(30):
                assert await stream[0].read() == b""
        await mesh.says("old", "gone")


async def test_an_instance_that_was_never_here_and_retires_is_gone(mesh: Mesh) -> None:
    async with mesh.running():
        await mesh.app("shop")
        await mesh.retire("shop", "stranger")
        await mesh.says("stranger", "gone")


async def test_a_withdrawn_endpoint_that_is_published_again_is_back_in_rotation(mesh: Mesh) -> None:
    async with backends("one", "two") as (one, two), mesh.running(), asyncio.TaskGroup() as group:
        await mesh.app("shop", web=2)
        await mesh.publish("shop", "one", one)
        await route_one(mesh, "two", two)
        await mesh.withdraw("shop", "two")
        await mesh.publish("shop", "two", two)
        await mesh.says("two", "in_rotation")
        two.release.set()
        slow = [group.create_task(mesh.get(HOST, "/slow")) for _ in range(2)]
        one.release.set()
        assert {(await task).status for task in slow} == {200}


async def test_a_killed_instance_costs_idempotent_requests_nothing_and_posts_are_sent_once(mesh: Mesh) -> None:
    async with backends("one", "two") as (one, two), mesh.running():
        await mesh.app("shop", web=2)
        await mesh.publish("shop", "one", one)
        await route_one(mesh, "two", two)
        async with load(mesh.haproxy.port, HOST) as seen:
            await eventually(lambda: seen.by_name["one"] and seen.by_name["two"])
            await two.kill()
            await seen.more(500)
            await mesh.withdraw("shop", "two")
            await seen.more(500)
        assert seen.failures == []
        answer = await mesh.get(HOST, "/die", "POST")
        assert (answer.status, one.died) == (502, 1)


async def test_an_acknowledgement_ends_with_its_rollout(mesh: Mesh) -> None:
    async with backends("one") as (one,), mesh.running():
        await mesh.app("shop")
        await route_one(mesh, "one", one)
        await mesh.roll("shop", "one", phase="done")

        async def silent() -> bool:
            return await mesh.view("one") is None

        await eventually(silent)
        await mesh.roll("shop", "other", "one", phase="done", replaces="gone")
        await mesh.says("one", "in_rotation")
        assert (await mesh.get(HOST)).body == "one"
