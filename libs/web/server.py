"""The frame of every HTTP server here: request ids, metrics, a body limit, deadlines, failures to statuses."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, Histogram

from libs.web.answers import detail
from libs.web.connection import Door, Limits
from libs.web.errors import ERRORS, ErrorTable, failure

REQUEST_ID = "X-Request-Id"
_GOOD_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
BODY_LIMIT = 1024 * 1024  # bytes; the default of v1's router (`bodySize` 1m)
BACKLOG = 128  # connections that wait to be let in, as aiohttp has it
BORNE = Limits()
BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0, 600.0)  # seconds


def route_of(request: web.Request) -> str:
    """The route's pattern (`/v1/apps/{id}`), without a final slash: a label with few values."""
    resource = request.match_info.route.resource
    if resource is None:
        return "unknown"
    return resource.canonical.rstrip("/") or "/"


def _observing(service: str, registry: CollectorRegistry) -> Middleware:
    """Outermost: names the request (`X-Request-Id`, taken over when given and sane) and measures it."""
    seconds = Histogram(
        f"deis_{service}_http_request_seconds",
        f"Requests that {service} answered, by route, method and status",
        ("route", "method", "status"),
        registry=registry,
        buckets=BUCKETS,
    )

    @web.middleware
    async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get(REQUEST_ID, "")
        request_id = given if _GOOD_REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        began = time.perf_counter()
        status = "gone"  # the client left, or the server stopped, before an answer
        with structlog.contextvars.bound_contextvars(request_id=request_id, service=service):
            try:
                response = await handler(request)
                status = str(response.status)
                if not response.prepared:
                    response.headers[REQUEST_ID] = request_id
                return response
            finally:
                method = request.method if len(request.method) <= 7 else "other"
                seconds.labels(route_of(request), method, status).observe(time.perf_counter() - began)

    return observe


@web.middleware
async def _answering(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns failures into answers, by the application's table."""
    try:
        return await handler(request)
    except Exception as error:  # noqa: BLE001 - told and, where no row knows it, logged whole
        return failure(request, error)


@web.middleware
async def upper_case_reasons(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every answer's reason in upper case, as Django's was: `404 NOT FOUND`. Scripts of v1's users look for it."""
    response = await handler(request)
    if not response.prepared:
        response.set_status(response.status, response.reason.upper())
    return response


def _within(seconds: float) -> Middleware:
    """Ends a request that took longer than `seconds` with 503."""

    @web.middleware
    async def within(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            async with asyncio.timeout(seconds) as scope:
                return await handler(request)
        except TimeoutError:
            if not scope.expired():
                raise
            return detail(503, f"This took longer than {seconds:g} seconds.", {"Retry-After": "1"})

    return within


def application(  # noqa: PLR0913 - named parts of the frame, each with its default
    *,
    service: str,
    registry: CollectorRegistry,
    errors: ErrorTable | None = None,
    body_limit: int = BODY_LIMIT,
    deadline: float | None = None,
    upper_reasons: bool = False,
    middlewares: Sequence[Middleware] = (),
) -> web.Application:
    """An application in the frame; add routes to it.

    `service` names its metrics (`deis_<service>_http_request_seconds`): one registry takes one application of a name.
    A body longer than `body_limit` bytes is 413 once a handler reads it. `deadline`: seconds for a whole request.
    `middlewares` run inside the frame, outermost first: what they raise is answered by `errors` too.
    """
    frame: list[Middleware] = [_observing(service, registry)]
    if upper_reasons:
        frame.append(upper_case_reasons)
    frame.append(_answering)
    if deadline is not None:
        frame.append(_within(deadline))
    app = web.Application(middlewares=[*frame, *middlewares], client_max_size=body_limit)
    app[ERRORS] = errors or ErrorTable()
    return app


@asynccontextmanager
async def listen(app: web.Application, host: str, port: int, limits: Limits = BORNE) -> AsyncIterator[int]:
    """Serve on `host:port` while the body runs; yields the port (a free one for 0).

    Clients are held to `limits`. Requests in flight at the end have one second more.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    assert runner.server is not None
    try:
        door = Door(runner.server, limits)
        listener = await asyncio.get_running_loop().create_server(door, host, port, backlog=BACKLOG)
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            listener.close()
    finally:
        await runner.cleanup()
