"""Tails of logs through the router: each at the logger that its path names."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack, closing

import pytest

from tests.integration.router.backends import Backend, backends
from tests.integration.router.clients import echo, websocket
from tests.integration.router.mesh import Mesh
from tests.support.waiting import eventually

HOST = "deis.example.test"
TICKET = "deis.ticket.Zm9yIG9uZSB1c2Ugb25seQ"


def tail(id_: str) -> str:
    return f"/logs/{id_}/tail"


async def standing(mesh: Mesh, id_: str, backend: Backend) -> None:
    """Announce a logger, and wait until HAProxy has it there."""
    await mesh.logger(id_, backend)
    await eventually(lambda: mesh.in_haproxy(id_).port == backend.port, what=f"{id_} in HAProxy")
    await eventually(lambda: mesh.in_haproxy(id_).state == "ready", what=f"{id_} ready")


async def test_each_tail_is_at_the_logger_that_its_path_names(mesh: Mesh) -> None:
    async with backends("one", "two", "api") as (one, two, api), mesh.running():
        await mesh.controller("c1", api)
        await mesh.answers(HOST, "api")
        await standing(mesh, "node-1", one)
        await standing(mesh, "node-2.test", two)
        for _ in range(3):
            async with websocket(mesh.haproxy.port, HOST, tail("node-1")) as stream:
                assert await echo(stream, b"hello") == b"hello"
        async with websocket(mesh.haproxy.port, HOST.upper(), tail("node-2.test") + "?") as stream:
            assert await echo(stream, b"hello") == b"hello"
        assert (one.sockets, two.sockets, api.sockets) == (3, 1, 0)


@pytest.mark.parametrize(
    "path",
    [
        "/logs",
        "/logs/",
        "/logs/node-1",
        "/logs/node-1/",
        "/logs/node-1/tail/",
        "/logs/node-1/tail/more",
        "/logs/node-1/tails",
        "/logs//tail",
        "/logs/node%2d1/tail",
        "/logs/../logs/node-1/tail",
        "//logs/node-1/tail",
        "/Logs/node-1/tail",
        "/v1/logs/node-1/tail",
        "/_/boot",
        "/?/logs/node-1/tail",
    ],
)
async def test_every_other_path_is_the_controllers(mesh: Mesh, path: str) -> None:
    async with backends("one", "api") as (one, api), mesh.running():
        await mesh.controller("c1", api)
        await standing(mesh, "node-1", one)
        await mesh.answers(HOST, "api")
        assert (await mesh.get(HOST, path)).body == "api"
        assert one.requests == 0


async def test_the_path_is_an_apps_own_on_the_hosts_of_apps(mesh: Mesh) -> None:
    async with backends("one", "shop") as (one, shop), mesh.running():
        await standing(mesh, "node-1", one)
        await mesh.app("shop")
        await mesh.publish("shop", "shop", shop)
        await mesh.answers("shop.example.test", "shop")
        assert (await mesh.get("shop.example.test", tail("node-1"))).body == "shop"


async def test_a_logger_that_is_not_there_is_503_and_no_other_one_is_asked(mesh: Mesh) -> None:
    async with backends("one", "api") as (one, api), mesh.running():
        await mesh.controller("c1", api)
        await standing(mesh, "node-1", one)
        await mesh.answers(HOST, "api")
        asked = api.requests
        answer = await mesh.get(HOST, tail("node-2"))
        assert answer.status == 503
        assert '{"detail":"This logger is not here' in answer.body
        assert (one.requests, api.requests) == (0, asked)


async def test_a_logger_that_went_away_keeps_its_tails_and_leaves_with_the_last(mesh: Mesh) -> None:
    async with backends("one", "two") as (one, two), mesh.running():
        await standing(mesh, "node-1", one)
        await standing(mesh, "node-2", two)
        async with websocket(mesh.haproxy.port, HOST, tail("node-1")) as stream:
            await mesh.forget_logger("node-1")
            await eventually(lambda: mesh.in_haproxy("node-1").state == "drain", what="the logger drains")
            assert await echo(stream, b"still here") == b"still here"
        await eventually(lambda: mesh.servers() == {"node-2"}, what="the logger gone from HAProxy")
        async with websocket(mesh.haproxy.port, HOST, tail("node-2")) as stream:
            assert await echo(stream, b"hello") == b"hello"


async def test_the_loggers_are_kept_when_the_announcements_of_all_ended(mesh: Mesh) -> None:
    async with backends("one", "shop") as (one, shop), mesh.running():
        await standing(mesh, "node-1", one)
        await mesh.forget_logger("node-1")
        await mesh.app("shop")
        await mesh.publish("shop", "shop", shop)
        await mesh.answers("shop.example.test", "shop")  # what came before it was taken in
        async with websocket(mesh.haproxy.port, HOST, tail("node-1")) as stream:
            assert await echo(stream, b"hello") == b"hello"


async def test_a_logger_that_comes_back_elsewhere_is_found_without_a_reload(mesh: Mesh) -> None:
    async with mesh.running():
        before = mesh.haproxy.ask("show info").partition("Pid: ")[2].split()[0]
        async with backends("one") as (one,):
            await standing(mesh, "node-1", one)
            async with websocket(mesh.haproxy.port, HOST, tail("node-1")) as stream:
                await one.kill()
                async with asyncio.timeout(30):
                    assert await stream[0].read() == b""
        assert (await mesh.get(HOST, tail("node-1"))).status == 503
        async with backends("another") as (another,):
            await standing(mesh, "node-1", another)
            async with websocket(mesh.haproxy.port, HOST, tail("node-1")) as stream:
                assert await echo(stream, b"hello") == b"hello"
        assert mesh.haproxy.ask("show info").partition("Pid: ")[2].split()[0] == before


async def test_tails_outlive_the_daemon_and_haproxy_starts_with_the_loggers(mesh: Mesh) -> None:
    async with backends("one") as (one,), AsyncExitStack() as kept:
        async with mesh.running():
            await standing(mesh, "node-1", one)
            configuration = mesh.haproxy.home / "haproxy.cfg"
            await eventually(lambda: "server node-1 127.0.0.1" in configuration.read_text(), what="it is saved")
            await eventually(lambda: HOST in (mesh.haproxy.home / "hosts.map").read_text(), what="its host too")
            stream = await kept.enter_async_context(websocket(mesh.haproxy.port, HOST, tail("node-1")))
        assert await echo(stream, b"the daemon is gone") == b"the daemon is gone"
        mesh.haproxy.kill9()
        assert await stream[0].read() == b""
        mesh.haproxy.start()
        async with websocket(mesh.haproxy.port, HOST, tail("node-1")) as again:
            assert await echo(again, b"hello") == b"hello"
        assert (await mesh.get(HOST, tail("node-2"))).status == 503


async def test_a_silent_tail_lives_on_where_silent_websockets_of_apps_are_ended(mesh: Mesh) -> None:
    settings = mesh.settings.model_copy(update={"router_tunnel_seconds": 1})
    mesh.haproxy.kill9()
    mesh.haproxy.settings = settings
    mesh.haproxy.configure()
    mesh.haproxy.start()
    async with backends("one", "shop") as (one, shop), mesh.running(settings):
        await standing(mesh, "node-1", one)
        await mesh.app("shop")
        await mesh.publish("shop", "shop", shop)
        await mesh.answers("shop.example.test", "shop")
        async with (
            websocket(mesh.haproxy.port, HOST, tail("node-1")) as stream,
            websocket(mesh.haproxy.port, "shop.example.test") as of_app,
            asyncio.timeout(30),
        ):
            assert await of_app[0].read() == b""
            assert await echo(stream, b"still here") == b"still here"


async def test_no_word_of_haproxy_has_a_ticket(mesh: Mesh) -> None:
    async with backends("one") as (one,):
        async with mesh.running():
            await standing(mesh, "node-1", one)
        failures = mesh.haproxy.home / "failures.sock"
        failures.unlink(missing_ok=True)
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as heard:
            heard.bind(str(failures))
            heard.settimeout(30)
            protocols = {"Sec_WebSocket_Protocol": f"deis.logs.v1, {TICKET}"}
            async with websocket(mesh.haproxy.port, HOST, tail("node-1"), **protocols) as stream:
                assert await echo(stream, b"hello") == b"hello"
            await one.kill()
            assert (await mesh.get(HOST, tail("node-1"), **protocols)).status == 503
            assert (await mesh.get(HOST, tail("node-2"), **protocols)).status == 503
            told = [await asyncio.to_thread(heard.recv, 4096) for _ in range(2)]
    assert [line.split()[0] for line in told] == [b"loggers", b"loggers"]
    assert not [line for line in told if TICKET.encode() in line or b"node-2" in line]
    assert TICKET not in mesh.haproxy.log.read_text()
