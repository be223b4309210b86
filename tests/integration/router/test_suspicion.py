from __future__ import annotations

import asyncio
import os
import re
import socket

from libs.keyspace.document import now
from libs.keyspace.records import RouterView
from tests.integration.router.backends import Backend, backends
from tests.integration.router.clients import echo, load, websocket
from tests.integration.router.mesh import Mesh
from tests.support.waiting import eventually

HOST = "shop.example.test"


async def serve_both(mesh: Mesh, one: Backend, two: Backend, *, timeout: int | None = None) -> None:
    await mesh.app("shop", web=2, timeout=timeout)
    await mesh.publish("shop", "one", one)
    await mesh.publish("shop", "two", two)
    await mesh.roll("shop", "one", "two")
    await mesh.says("one", "in_rotation")
    await mesh.says("two", "in_rotation")


async def watched(mesh: Mesh, *instances: str) -> None:
    await eventually(lambda: all(mesh.in_haproxy(id_).watched for id_ in instances), what=f"{instances} watched")


async def hang(mesh: Mesh, backend: Backend) -> RouterView:
    """Have an instance hang and be found out."""
    backend.answers.clear()
    async with asyncio.TaskGroup() as group:
        suspected = group.create_task(mesh.says(backend.name, "suspect"))
        while not suspected.done():
            await mesh.get(HOST)
    return await suspected


async def test_a_crashed_instance_is_out_and_suspect_and_no_request_fails(mesh: Mesh) -> None:
    async with backends("one", "two") as (one, two), mesh.running():
        await serve_both(mesh, one, two)
        async with load(mesh.haproxy.port, HOST) as seen:
            await seen.more(200)
            await two.kill()
            view = await mesh.says("two", "suspect")
            await eventually(lambda: mesh.in_haproxy("two").state == "drain")
            assert mesh.in_haproxy("two").up
            assert not mesh.in_haproxy("one").watched  # the last one is never taken out
            await seen.more(200)
        assert seen.failures == []
        assert view.reason == "no connection: connection refused"
        assert mesh.metric("deis_router_suspects") == 1


async def test_without_the_daemon_haproxy_takes_a_crashed_instance_out_and_back_by_itself(mesh: Mesh) -> None:
    async with backends("one", "two") as (one, two):
        async with mesh.running():
            await serve_both(mesh, one, two)
            await watched(mesh, "one", "two")
        async with load(mesh.haproxy.port, HOST) as seen:
            port = two.port
            await two.kill()
            await eventually(lambda: not mesh.in_haproxy("two").up)
            await seen.more(200)
            two.port = port
            await two.start()
            before = seen.by_name["two"]
            await eventually(lambda: seen.by_name["two"] > before)
        assert seen.failures == []


async def test_an_instance_that_was_found_down_without_the_daemon_is_suspect_once_there_is_one(mesh: Mesh) -> None:
    async with backends("one", "two") as (one, two):
        async with mesh.running():
            await serve_both(mesh, one, two)
            await watched(mesh, "one", "two")
        async with load(mesh.haproxy.port, HOST):
            await two.kill()
            await eventually(lambda: not mesh.in_haproxy("two").up)
        async with mesh.running():
            await mesh.says("two", "suspect")
            await eventually(lambda: mesh.in_haproxy("two").state == "drain")


async def test_an_instance_whose_fall_nobody_told_of_is_suspect_at_the_next_look(mesh: Mesh) -> None:
    async with backends("one", "two", "more") as (one, two, more), mesh.running():
        await serve_both(mesh, one, two)
        await watched(mesh, "one", "two")
        (mesh.haproxy.home / "alerts.sock").unlink()
        async with load(mesh.haproxy.port, HOST) as seen:
            await two.kill()
            await eventually(lambda: not mesh.in_haproxy("two").up)
            mesh.haproxy.ask("add server app0/more 127.0.0.1:1")  # so that adding it is refused, and we look
            await mesh.publish("shop", "more", more)
            await mesh.says("two", "suspect")
            await eventually(lambda: mesh.in_haproxy("two").state == "drain")
        assert seen.failures == []


async def test_an_only_instance_that_restarts_is_waited_for(mesh: Mesh) -> None:
    async with backends("one") as (one,), mesh.running(), asyncio.TaskGroup() as group:
        await mesh.app("shop")
        await mesh.publish("shop", "one", one)
        await mesh.answers(HOST, "one")
        assert not mesh.in_haproxy("one").watched
        port = one.port
        await one.kill()
        asked = [group.create_task(mesh.get(HOST, method="POST")) for _ in range(5)]
        await eventually(lambda: "econ" in mesh.haproxy.ask("show stat app0 4 -1") and failed_connects(mesh) >= 5)
        one.port = port
        await one.start()
        assert [(await task).body for task in asked] == ["one"] * 5


def failed_connects(mesh: Mesh) -> int:
    head, row = mesh.haproxy.ask("show stat app0 4 -1").splitlines()[:2]
    return int(dict(zip(head.split(","), row.split(","), strict=True))["wretr"])


async def test_a_hung_instance_leaves_and_comes_back_by_a_confirmation_alone(mesh: Mesh) -> None:
    async with backends("one", "two", "extra") as (one, two, extra), mesh.running():
        await serve_both(mesh, one, two, timeout=1)
        await mesh.status(HOST, 200)
        view = await hang(mesh, two)
        assert re.fullmatch("no answer within [0-9]+ s", view.reason)
        assert view.since is not None
        await eventually(lambda: mesh.in_haproxy("two").state == "drain")
        for _ in range(10):
            assert (await mesh.get(HOST)).body == "one"
        two.answers.set()  # it accepts, and would answer; nobody confirmed it
        await mesh.publish("shop", "two", two, confirmed=view.since.replace(year=2001))
        await mesh.publish("shop", "extra", extra)  # something to see applied after it
        await eventually(lambda: "extra" in mesh.servers() and mesh.in_haproxy("extra").state == "ready")
        assert mesh.in_haproxy("two").state == "drain"
        await mesh.publish("shop", "two", two, confirmed=view.since)
        await mesh.says("two", "in_rotation")
        await eventually(lambda: mesh.in_haproxy("two").serving)


async def test_another_run_of_a_suspect_is_trusted(mesh: Mesh) -> None:
    async with backends("one", "two") as (one, two), mesh.running():
        await serve_both(mesh, one, two, timeout=1)
        await hang(mesh, two)
        two.answers.set()
        await mesh.publish("shop", "two", two, run=now())
        await mesh.says("two", "in_rotation")


async def test_where_every_instance_is_suspect_all_are_used_and_the_suspicions_stay(mesh: Mesh) -> None:
    async with backends("one", "two") as (one, two), mesh.running():
        await serve_both(mesh, one, two, timeout=1)
        await hang(mesh, one)
        await hang(mesh, two)
        await eventually(lambda: all(mesh.in_haproxy(id_).serving for id_ in ("one", "two")))
        one.answers.set()
        two.answers.set()
        for name in ("one", "two"):
            await eventually_answers(mesh, name)
        for name in ("one", "two"):
            assert (await mesh.says(name, "suspect")).since is not None


async def eventually_answers(mesh: Mesh, name: str) -> None:
    async def answered() -> bool:
        return (await mesh.get(HOST)).body == name

    await eventually(answered, what=f"an answer of {name}")


async def test_an_app_that_answers_errors_is_not_suspected(mesh: Mesh) -> None:
    async with backends("one", "two", "extra") as (one, two, extra), mesh.running():
        await serve_both(mesh, one, two)
        for _ in range(50):
            assert (await mesh.get(HOST, "/wrong")).status == 500
        assert (await mesh.get(HOST, "/die", "POST")).status == 502
        await hang_and_give_up(mesh)
        await mesh.publish("shop", "extra", extra)
        await eventually(lambda: "extra" in mesh.servers())
        assert mesh.metric("deis_router_suspects") == 0
        await mesh.says("one", "in_rotation")
        await mesh.says("two", "in_rotation")


async def hang_and_give_up(mesh: Mesh) -> None:
    """A client that leaves before it is answered."""
    _, writer = await asyncio.open_connection("127.0.0.1", mesh.haproxy.port)
    writer.write(f"GET /slow HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def test_a_restarted_daemon_goes_on_suspecting(mesh: Mesh) -> None:
    async with backends("one", "two") as (one, two):
        async with mesh.running():
            await serve_both(mesh, one, two, timeout=1)
            view = await hang(mesh, two)
            await eventually(lambda: mesh.in_haproxy("two").state == "drain")
            word = await mesh.word()
        assert word is not None
        await mesh.writers.put(
            mesh.keys.routers.key("node-1"), word.encode()
        )  # as the lease of a killed daemon leaves it
        async with mesh.running() as daemon:
            await mesh.ready(daemon)
            assert await mesh.says("two", "suspect") == view
            assert mesh.in_haproxy("two").state == "drain"


async def test_each_app_has_its_own_timeout_and_websockets_do_not(mesh: Mesh) -> None:
    async with backends("one", "two") as (one, two), mesh.running():
        await mesh.app("shop", timeout=1)
        await mesh.app("blog")
        await mesh.publish("shop", "one", one)
        await mesh.publish("blog", "two", two)
        await mesh.answers(HOST, "one")
        await mesh.answers("blog.example.test", "two")
        pid = mesh.haproxy.ask("show info")
        async with websocket(mesh.haproxy.port, HOST) as stream, asyncio.TaskGroup() as group:
            patient = group.create_task(mesh.get("blog.example.test", "/slow"))
            assert (await mesh.get(HOST, "/slow")).status == 504
            assert await echo(stream, b"silent for longer") == b"silent for longer"
            await mesh.app("shop")
            await eventually(lambda: "shop" not in mesh.haproxy.ask(f"show map {mesh.haproxy.home}/timeouts.map"))
            slow = group.create_task(mesh.get(HOST, "/slow"))
            await mesh.app("blog", timeout=1)
            await eventually(lambda: "blog 1000" in mesh.haproxy.ask(f"show map {mesh.haproxy.home}/timeouts.map"))
            assert (await mesh.get("blog.example.test", "/slow")).status == 504
            assert not patient.done()
            assert not slow.done()
            one.release.set()
            two.release.set()
            assert ((await patient).status, (await slow).status) == (200, 200)
        assert process_id(pid) == process_id(mesh.haproxy.ask("show info"))  # no reload


def process_id(info: str) -> str:
    return next(line for line in info.splitlines() if line.startswith("Pid:"))


async def test_a_listener_that_is_slow_or_away_costs_requests_nothing(mesh: Mesh) -> None:
    async with backends("one") as (one,):
        async with mesh.running():
            await mesh.app("shop", timeout=1)
            await mesh.publish("shop", "one", one)
            await mesh.answers(HOST, "one")
        path = mesh.haproxy.home / "failures.sock"
        path.unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
            deaf.bind(os.fspath(path))
            async with asyncio.TaskGroup() as group:
                slow = [group.create_task(mesh.get(HOST, "/slow")) for _ in range(60)]
            assert {(await task).status for task in slow} == {504}
            assert (await mesh.get(HOST)).status == 200
        path.unlink()
        assert (await mesh.get(HOST, "/slow")).status == 504
        assert (await mesh.get(HOST)).status == 200
