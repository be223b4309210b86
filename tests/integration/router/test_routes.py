from __future__ import annotations

from tests.integration.router.backends import backends
from tests.integration.router.clients import echo, websocket
from tests.integration.router.mesh import Mesh


async def test_an_app_answers_at_its_name_and_at_its_users_domains(mesh: Mesh) -> None:
    async with backends("one") as (one,), mesh.running():
        await mesh.app("shop")
        await mesh.domain("www.shop.test", "shop")
        await mesh.publish("shop", "one", one)
        await mesh.answers("shop.example.test", "one")
        await mesh.answers("WWW.shop.test:8080", "one")


async def test_an_unknown_host_is_404_and_an_app_that_runs_nothing_503(mesh: Mesh) -> None:
    async with mesh.running() as daemon:
        await mesh.app("shop")
        await mesh.ready(daemon)
        await mesh.status("shop.example.test", 503)
        assert (await mesh.get("other.example.test")).status == 404
        assert "not running" in (await mesh.get("shop.example.test")).body


async def test_the_routers_own_health_check_answers_on_no_apps_host(mesh: Mesh) -> None:
    assert (await mesh.get("10.0.0.1", "/health-check")).status == 200


async def test_the_api_answers_at_its_name_and_no_user_can_take_it(mesh: Mesh) -> None:
    async with backends("api", "thief") as (api, thief), mesh.running():
        await mesh.controller("c1", api)
        await mesh.answers("deis.example.test", "api")
        await mesh.app("evil")
        await mesh.domain("deis.example.test", "evil")
        await mesh.publish("evil", "thief", thief)
        await mesh.answers("evil.example.test", "thief")
        await mesh.answers("deis.example.test", "api")


async def test_the_api_is_kept_when_its_announcement_ended(mesh: Mesh) -> None:
    async with backends("api", "one") as (api, one), mesh.running():
        await mesh.controller("c1", api)
        await mesh.answers("deis.example.test", "api")
        await mesh.writers.delete(mesh.keys.mesh.key("controller", "c1"))
        await mesh.app("shop")
        await mesh.publish("shop", "one", one)
        await mesh.answers("shop.example.test", "one")
        await mesh.answers("deis.example.test", "api")


async def test_forwarding_headers_tell_the_client_and_cannot_be_forged(mesh: Mesh) -> None:
    async with backends("one") as (one,), mesh.running():
        await mesh.app("shop")
        await mesh.publish("shop", "one", one)
        await mesh.answers("shop.example.test", "one")
        head = (await mesh.get("shop.example.test", "/head", X_Forwarded_For="6.6.6.6", X_Forwarded_Proto="https")).body
        fields = [line.lower() for line in head.split("\r\n")]
        assert [line for line in fields if line.startswith("x-forwarded")] == [
            "x-forwarded-proto: http",
            f"x-forwarded-port: {mesh.settings.router_http_port}",
            "x-forwarded-for: 127.0.0.1",
        ]


async def test_a_websocket_passes_in_both_directions(mesh: Mesh) -> None:
    async with backends("one") as (one,), mesh.running():
        await mesh.app("shop")
        await mesh.publish("shop", "one", one)
        await mesh.answers("shop.example.test", "one")
        async with websocket(mesh.haproxy.port, "shop.example.test") as stream:
            for word in (b"hello", b"again"):
                assert await echo(stream, word) == word


async def test_an_unready_endpoint_waits_while_another_is_ready_and_serves_when_none_is(mesh: Mesh) -> None:
    async with backends("good", "bad") as (good, bad), mesh.running():
        await mesh.app("shop", web=2)
        await mesh.publish("shop", "good", good)
        await mesh.publish("shop", "bad", bad, ready=False)
        await mesh.roll("shop", "good", "bad")
        await mesh.says("good", "in_rotation")
        await mesh.says("bad", "draining")
        await mesh.publish("shop", "good", good, ready=False)
        await mesh.says("bad", "in_rotation")
        await mesh.says("good", "in_rotation")


async def test_a_newer_claim_of_an_address_evicts_the_older_one(mesh: Mesh) -> None:
    async with backends("old", "other") as (old, other), mesh.running():
        await mesh.app("first")
        await mesh.app("second")
        await mesh.publish("first", "f1", old)
        await mesh.publish("first", "f2", other)
        await mesh.roll("first", "f1", "f2")
        await mesh.says("f1", "in_rotation")
        await mesh.publish("second", "s1", old)
        await mesh.roll("second", "s1")
        await mesh.says("s1", "in_rotation")
        await mesh.says("f2", "in_rotation")
        view = await mesh.view("f1")
        assert view is None or view.state != "in_rotation"
        for _ in range(6):
            assert (await mesh.get("first.example.test")).body == "other"


async def test_an_app_that_is_destroyed_is_unknown_and_gives_its_back_end_up(mesh: Mesh) -> None:
    async with backends("one", "two") as (one, two), mesh.running():
        await mesh.app("shop")
        await mesh.app("blog")
        await mesh.publish("shop", "one", one)
        await mesh.publish("blog", "two", two)
        await mesh.answers("shop.example.test", "one")
        await mesh.answers("blog.example.test", "two")
        await mesh.app("shop", state="destroying")
        await mesh.retire("shop", "one")
        await mesh.says("one", "gone")
        await mesh.retired("shop", "one")
        await mesh.forget_app("shop")
        await mesh.status("shop.example.test", 404)
        await mesh.answers("blog.example.test", "two")


async def test_names_that_would_be_commands_reach_no_haproxy(mesh: Mesh) -> None:
    async with backends("one") as (one,), mesh.running():
        await mesh.app("shop")
        await mesh.domain("a.test x; del map #0", "shop")
        await mesh.publish("shop", "one; disable frontend http", one)
        await mesh.app("blog x; disable frontend http", timeout=1)
        await mesh.publish("blog x; disable frontend http", "two", one)
        await mesh.publish("shop", "one", one)
        await mesh.answers("shop.example.test", "one")
        assert mesh.servers() == {"one"}
        assert mesh.metric("deis_router_bad_records") == 2
        assert mesh.metric("deis_router_commands_refused") == 0
