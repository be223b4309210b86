from __future__ import annotations

from tests.integration.router.backends import backends
from tests.integration.router.clients import load
from tests.integration.router.mesh import Mesh
from tests.support.waiting import eventually

HOST = "shop.example.test"


async def test_a_restarted_daemon_adopts_haproxy_without_touching_its_traffic(mesh: Mesh) -> None:
    async with backends("one", "two") as (one, two):
        async with mesh.running():
            await mesh.app("shop", web=2)
            await mesh.publish("shop", "one", one)
            await mesh.publish("shop", "two", two)
            await eventually(lambda: mesh.servers() == {"one", "two"})
        async with load(mesh.haproxy.port, HOST) as seen:
            for _ in range(3):
                async with mesh.running() as daemon:
                    await mesh.ready(daemon)
                    await seen.more(200)
                    assert mesh.registry.get_sample_value("deis_router_commands_total") == 0
        assert seen.failures == []
        assert set(seen.by_name) == {"one", "two"}


async def test_a_restarted_daemon_applies_what_happened_meanwhile(mesh: Mesh) -> None:
    async with backends("one", "two") as (one, two):
        async with mesh.running():
            await mesh.app("shop")
            await mesh.publish("shop", "one", one)
            await mesh.answers(HOST, "one")
        await mesh.publish("shop", "two", two)
        await mesh.retire("shop", "one")
        async with mesh.running():
            await mesh.says("one", "gone")
            await mesh.answers(HOST, "two")


async def test_a_killed_haproxy_serves_its_last_endpoints_again_before_any_daemon_is_there(mesh: Mesh) -> None:
    async with backends("one") as (one,):
        async with mesh.running():
            await mesh.app("shop")
            await mesh.publish("shop", "one", one)
            await mesh.answers(HOST, "one")
            await eventually(lambda: "server one" in (mesh.haproxy.home / "haproxy.cfg").read_text())
        mesh.haproxy.kill9()
        mesh.haproxy.start()
        assert (await mesh.get(HOST)).body == "one"


async def test_a_host_that_boots_without_the_store_serves_its_last_endpoints(mesh: Mesh) -> None:
    async with backends("one") as (one,):
        async with mesh.running():
            await mesh.app("shop")
            await mesh.publish("shop", "one", one)
            await eventually(lambda: "server one" in (mesh.haproxy.home / "haproxy.cfg").read_text())
        mesh.haproxy.kill9()
        mesh.store.unavailable = True
        mesh.haproxy.configure()
        mesh.haproxy.start()
        async with mesh.running() as daemon:
            await eventually(lambda: daemon.ready and daemon.ready["HAProxy adopted"]())
            assert (await mesh.get(HOST)).body == "one"


async def test_a_haproxy_that_forgot_everything_is_filled_again_also_without_the_store(mesh: Mesh) -> None:
    async with backends("one") as (one,), mesh.running():
        await mesh.app("shop")
        await mesh.publish("shop", "one", one)
        await mesh.answers(HOST, "one")
        await eventually(lambda: "server one" in (mesh.haproxy.home / "haproxy.cfg").read_text())
        mesh.store.unavailable = True
        mesh.haproxy.kill9()
        for file in mesh.haproxy.home.iterdir():
            if file.suffix in {".cfg", ".map", ".json"}:
                file.unlink()
        mesh.haproxy.configure()
        mesh.haproxy.start()
        await mesh.answers(HOST, "one")


async def test_drift_is_repaired(mesh: Mesh) -> None:
    async with backends("one", "two") as (one, two), mesh.running():
        await mesh.app("shop", web=2)
        await mesh.app("blog")
        await mesh.publish("shop", "one", one)
        await mesh.answers(HOST, "one")
        mesh.haproxy.ask("set server app0/one state maint")
        mesh.haproxy.ask("add server app0/two 127.0.0.1:1")  # so that adding it is refused, and we look again
        await mesh.publish("shop", "two", two)
        await mesh.roll("shop", "one", "two")
        await mesh.says("two", "in_rotation")
        await mesh.says("one", "in_rotation")
        for _ in range(4):
            assert (await mesh.get(HOST)).status == 200


async def test_a_store_that_is_away_withdraws_nothing(mesh: Mesh) -> None:
    async with backends("one") as (one,), mesh.running():
        await mesh.app("shop")
        await mesh.publish("shop", "one", one)
        await mesh.answers(HOST, "one")
        async with load(mesh.haproxy.port, HOST) as seen:
            mesh.store.unavailable = True
            await mesh.withdraw("shop", "one")
            await seen.more(500)
            assert mesh.servers() == {"one"}
        assert seen.failures == []


async def test_an_emptied_store_withdraws_nothing_and_metrics_say_so(mesh: Mesh) -> None:
    async with backends("one", "two") as (one, two), mesh.running():
        await mesh.app("shop")
        await mesh.app("blog")
        await mesh.domain("www.shop.test", "shop")
        await mesh.publish("shop", "one", one)
        await mesh.publish("blog", "two", two)
        await mesh.answers("www.shop.test", "one")
        await mesh.answers("blog.example.test", "two")
        for entry in (await mesh.writers.list("/deis/")).entries:
            if not entry.key.startswith("/deis/routers/"):
                await mesh.writers.delete(entry.key)
        await eventually(lambda: mesh.metric("deis_router_servers_held") and mesh.metric("deis_router_hosts_held"))
        assert (await mesh.get("www.shop.test")).body == "one"
        await mesh.app("shop")
        await mesh.app("blog")
        await mesh.publish("shop", "one", one)
        await mesh.publish("blog", "two", two)
        await eventually(lambda: not mesh.metric("deis_router_servers_held"))
        await mesh.answers(HOST, "one")
        await mesh.answers("blog.example.test", "two")


async def test_a_daemon_that_starts_on_an_emptied_store_withdraws_nothing(mesh: Mesh) -> None:
    async with backends("one") as (one,):
        async with mesh.running():
            await mesh.app("shop")
            await mesh.publish("shop", "one", one)
            await mesh.answers(HOST, "one")
        mesh.writers.wipe()
        async with mesh.running() as daemon:
            await mesh.ready(daemon)
            await eventually(lambda: mesh.metric("deis_router_servers_held") == 1)
            assert (await mesh.get(HOST)).body == "one"


async def test_a_changed_structure_reloads_haproxy_without_a_failed_request(mesh: Mesh) -> None:
    async with backends("one", "two") as (one, two):
        async with mesh.running():
            await mesh.app("shop")
            await mesh.publish("shop", "one", one)
            await mesh.answers(HOST, "one")
        larger = mesh.settings.model_copy(update={"router_pool": 16})
        async with load(mesh.haproxy.port, HOST) as seen, mesh.running(larger) as daemon:
            await mesh.ready(daemon)
            await eventually(lambda: "app15" in mesh.haproxy.ask("show stat -1 2 -1"))
            await mesh.app("blog")
            await mesh.publish("blog", "two", two)
            await mesh.answers("blog.example.test", "two")
            await seen.more(500)
        assert seen.failures == []


async def test_an_app_without_a_back_end_gets_the_first_that_is_given_up(mesh: Mesh) -> None:
    async with backends(*(f"b{number}" for number in range(9))) as servers, mesh.running():
        for backend in servers:
            await mesh.app(f"app-{backend.name}")
            await mesh.publish(f"app-{backend.name}", backend.name, backend)
        await eventually(lambda: mesh.metric("deis_router_apps_without_backend") == 1)
        await mesh.status("app-b8.example.test", 503)
        await mesh.answers("app-b0.example.test", "b0")
        await mesh.app("app-b0", web=0)
        await mesh.retire("app-b0", "b0")
        await mesh.answers("app-b8.example.test", "b8")
        await mesh.status("app-b0.example.test", 503)
