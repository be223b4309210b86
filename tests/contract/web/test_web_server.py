"""The server's frame, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from libs.web import ErrorTable, application, detail, listen, open_client


class Teapot(Exception):
    pass


class SmallTeapot(Teapot):
    pass


async def works(_: web.Request) -> web.Response:
    return web.json_response({"works": True})


async def fails(_: web.Request) -> web.Response:
    raise KeyError("a secret")


async def brews(_: web.Request) -> web.Response:
    raise SmallTeapot


async def echoes(request: web.Request) -> web.Response:
    return web.json_response({"length": len(await request.read())})


async def hangs(_: web.Request) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.fixture
async def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
async def url(registry: CollectorRegistry) -> AsyncIterator[str]:
    app = application(
        service="kettle",
        registry=registry,
        errors=ErrorTable({Teapot: lambda _: detail(418, "short and stout")}),
        body_limit=1000,
        deadline=0.2,
        upper_reasons=True,
    )
    app.router.add_get("/works/{id}", works)
    app.router.add_get("/fails", fails)
    app.router.add_get("/brews", brews)
    app.router.add_post("/echoes", echoes)
    app.router.add_get("/hangs", hangs)
    async with listen(app, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_client() as session:
        yield session


async def test_a_request_keeps_the_id_that_it_came_with(url: str, client: aiohttp.ClientSession) -> None:
    async with client.get(f"{url}/works/1", headers={"X-Request-Id": "abc-1"}) as answer:
        assert answer.headers["X-Request-Id"] == "abc-1"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a;b"])
async def test_a_request_with_an_odd_id_gets_a_new_one(url: str, client: aiohttp.ClientSession, given: str) -> None:
    async with client.get(f"{url}/works/1", headers={"X-Request-Id": given}) as answer:
        assert len(answer.headers["X-Request-Id"]) == 32


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/works/1", "200 OK", {"works": True}),
        ("/nowhere", "404 NOT FOUND", {"detail": "Not Found"}),
        ("/echoes", "405 METHOD NOT ALLOWED", {"detail": "Method Not Allowed"}),
        ("/brews", "418 I'M A TEAPOT", {"detail": "short and stout"}),
        ("/hangs", "503 SERVICE UNAVAILABLE", {"detail": "This took longer than 0.2 seconds."}),
    ],
)
async def test_a_failure_becomes_the_status_of_its_row(
    url: str, client: aiohttp.ClientSession, path: str, status: str, body: object
) -> None:
    async with client.get(url + path) as answer:
        assert (f"{answer.status} {answer.reason}", await answer.json()) == (status, body)


async def test_an_unexpected_failure_is_a_500_that_tells_nothing(url: str, client: aiohttp.ClientSession) -> None:
    async with client.get(f"{url}/fails") as answer:
        assert answer.status == 500
        assert answer.reason == "INTERNAL SERVER ERROR"
        assert "secret" not in await answer.text()
        assert answer.headers["X-Request-Id"]


async def test_a_body_over_the_limit_is_refused_as_json(url: str, client: aiohttp.ClientSession) -> None:
    async with client.post(f"{url}/echoes", data=b"x" * 1000) as answer:
        assert await answer.json() == {"length": 1000}
    async with client.post(f"{url}/echoes", data=b"x" * 1001) as answer:
        assert (answer.status, answer.reason) == (413, "REQUEST ENTITY TOO LARGE")
        assert "larger" in (await answer.json())["detail"]


async def test_a_refused_method_names_those_that_are_allowed(url: str, client: aiohttp.ClientSession) -> None:
    async with client.get(f"{url}/echoes") as answer:
        assert answer.headers["Allow"] == "POST"


async def test_requests_are_measured_by_route_and_not_by_path(
    url: str, client: aiohttp.ClientSession, registry: CollectorRegistry
) -> None:
    for number in range(3):
        async with client.get(f"{url}/works/{number}"):
            pass
    async with client.get(f"{url}/somewhere/else"):
        pass
    text = generate_latest(registry).decode()
    assert 'deis_kettle_http_request_seconds_count{method="GET",route="/works/{id}",status="200"} 3.0' in text
    assert 'route="unknown",status="404"' in text
    assert "somewhere" not in text
