"""The API as one application: v1's dress around the resources."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import nullcontext
from functools import partial
from importlib.metadata import version

from aiohttp import HttpVersion11, web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry
from pydantic import JsonValue

from libs.keyspace.records import User
from libs.web import application, as_json
from services.controller.asker import asked
from services.controller.body import read_whole
from services.controller.clients import Clients
from services.controller.controller import Call, Controller, Route
from services.controller.errors import BadRequest, NotAuthenticated, VersionMismatch, error_table
from services.controller.resources import ALL
from services.controller.run_output import LEFT_OUT

API_VERSION = "1.7"  # v1.13's, which this is; its clients warn about any other
PLATFORM_VERSION = version("deis")

VERSION_HEADERS = {
    "DEIS_API_VERSION": API_VERSION,
    "DEIS_PLATFORM_VERSION": PLATFORM_VERSION,
    "X_DEIS_API_VERSION": API_VERSION,
    "X_DEIS_PLATFORM_VERSION": PLATFORM_VERSION,
}
TOLD_HEADERS = ("Deis-Release", "X-Deis-Release", LEFT_OUT, "X-Request-Id", "Location", "Retry-After")
EXPOSED = ", ".join((*VERSION_HEADERS, *TOLD_HEADERS))
ANY_METHOD = "DELETE, GET, HEAD, OPTIONS, POST"
METADATA: dict[str, JsonValue] = {
    "name": "Deis",
    "description": "",
    "renders": ["application/json"],
    "parses": ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
    "actions": {},
}


def api(controller: Controller, registry: CollectorRegistry) -> web.Application:
    """The application that serves every resource."""
    declared = routes(controller)
    clients = Clients(controller.settings, controller.picture)
    open_paths = frozenset(route.path for route in declared if route.open)
    slashed = frozenset((route.method, route.path) for route in declared if route.slash)
    app = application(
        service="controller",
        registry=registry,
        errors=error_table(),
        body_limit=controller.settings.controller_body_limit,
        upper_reasons=True,
        middlewares=[_versions, _preflights, _methods(controller, open_paths, slashed)],
    )
    app.on_response_prepare.append(_dress)
    add_routes(app, controller, declared, clients)
    return app


def routes(controller: Controller) -> list[Route]:
    """Every route of every resource."""
    return [route for resource in ALL for route in resource(controller).routes()]


def add_routes(app: web.Application, controller: Controller, declared: Iterable[Route], clients: Clients) -> None:
    """Put the routes up, with and without a final slash; what answers GET answers HEAD too."""
    for route in declared:
        handler = _handler(controller, route, clients)
        for path in (route.path + "/",) if route.slash else (route.path, route.path + "/"):
            for method in (route.method, "HEAD") if route.method == "GET" else (route.method,):
                app.router.add_route(method, path, handler, expect_handler=_expected)


async def _expected(request: web.Request) -> None:
    """Tell a client that waits for it to send its body. Another expectation is none of ours (RFC 9110, 10.1.1)."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # it is no part of the answer


def _handler(
    controller: Controller, route: Route, clients: Clients
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        if not _is_api(request):
            return await route.handle(Call(request, None))
        _refuse_bad_host(request)
        controller.picture.require()
        with asked(partial(clients.address, request)):
            return await answer(request)

    async def answer(request: web.Request) -> web.StreamResponse:
        call = Call(request, await _sender(controller, request, open_=route.open))
        if call.sender is not None and request.method != "GET" and not request.content.is_eof():
            await read_whole(request)  # which may take minutes, in which the sender can have lost every right
            call = Call(request, await _sender(controller, request, open_=route.open))
        with controller.followers.place(request, call.user.username) if route.followed else nullcontext():
            return await route.handle(call)

    return handle


async def _sender(controller: Controller, request: web.Request, *, open_: bool) -> User | None:
    """Who sent a request. On an open route a token that is not valid (any more) is as good as none."""
    try:
        return await controller.accounts.authenticated(request.headers.get("Authorization"))
    except NotAuthenticated:
        if open_:
            return None
        raise


def _refuse_bad_host(request: web.Request) -> None:
    """Raise `BadRequest` where the header `Host` makes no address: answers name their neighbours by it."""
    try:
        _ = request.url
    except ValueError as error:
        raise BadRequest(f"The header Host makes no address: {error}") from error


def _is_api(request: web.Request) -> bool:
    return request.path == "/v1" or request.path.startswith("/v1/")


@web.middleware
async def _versions(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a client that asks for another version of the API."""
    asked = request.headers.get("DEIS-VERSION", request.headers.get("DEIS_VERSION"))
    if asked is not None and asked != "1":
        raise VersionMismatch(asked)
    return await handler(request)


@web.middleware
async def _preflights(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what a browser asks before a page of another origin may send its request (Fetch, CORS-preflight)."""
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return await handler(request)
    wrong = request.match_info.http_exception
    allowed = _allowed(wrong) if isinstance(wrong, web.HTTPMethodNotAllowed) else ANY_METHOD
    return web.Response(headers={"Access-Control-Allow-Methods": allowed, "Access-Control-Max-Age": "86400"})


def _allowed(wrong: web.HTTPMethodNotAllowed) -> str:
    return ", ".join(sorted({*wrong.allowed_methods, "OPTIONS"}))


def _methods(controller: Controller, open_paths: frozenset[str], slashed: frozenset[tuple[str, str]]) -> Middleware:
    """A method that a path does not have: `OPTIONS` is answered, any other is 405, and both only to who is known.

    `slashed` are the methods and paths that must have a final slash: without it nothing is there.
    """

    @web.middleware
    async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        wrong = request.match_info.http_exception
        if not isinstance(wrong, web.HTTPMethodNotAllowed):
            return await handler(request)
        if (request.method, request.path) in slashed:
            raise web.HTTPNotFound
        if _is_api(request) and request.path.rstrip("/") not in open_paths:
            controller.picture.require()
            await _sender(controller, request, open_=False)
        if request.method == "OPTIONS" and _is_api(request):
            return as_json(METADATA, headers={"Allow": _allowed(wrong)})
        return await handler(request)

    return refuse


async def _dress(request: web.Request, response: web.StreamResponse) -> None:
    """What every answer carries, whatever its status."""
    response.headers.update(VERSION_HEADERS)
    if "Origin" in request.headers:
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = EXPOSED
        if asked := request.headers.get("Access-Control-Request-Headers"):
            response.headers["Access-Control-Allow-Headers"] = asked
