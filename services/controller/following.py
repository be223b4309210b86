"""An answer that goes on: one line of JSON at each change of something, until it is over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import hdrs, web

from services.controller.picture import Awaited
from services.controller.shapes import Shape

NDJSON = "application/x-ndjson"
HEARTBEAT = 15.0  # seconds after which an empty line goes out, so that nobody on the way takes it for dead
PATIENCE = 15.0  # seconds in which a reader must take what was sent, else it is cut off: nothing is kept for it


log = structlog.get_logger("following")


@dataclass(frozen=True)
class Seen:
    """What there is to tell, None when it is gone; `over`: this is the last of it."""

    shape: Shape | None
    over: bool


def asked_for(request: web.Request) -> bool:
    """Whether a client wants lines for as long as it goes on."""
    accepted = (one.partition(";")[0].strip().lower() for one in request.headers.get(hdrs.ACCEPT, "").split(","))
    return request.method == "GET" and NDJSON in accepted


async def follow(request: web.Request, changes: Awaited[Any], look: Callable[[], Seen]) -> web.StreamResponse:
    """Tell what `look` sees, now and after each of `changes` that altered it.

    What comes faster than it is read is told in one line.
    """
    response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: NDJSON, hdrs.CACHE_CONTROL: "no-store"})
    if request_id := structlog.contextvars.get_contextvars().get("request_id"):
        response.headers["X-Request-Id"] = request_id
    await response.prepare(request)
    told: Shape | None = None

    def news() -> Seen | None:
        seen = look()
        return seen if seen.over or seen.shape != told else None

    try:
        while True:
            seen = await changes.until(news, limit=HEARTBEAT)
            line = "" if seen is None or seen.shape == told else json.dumps(seen.shape, ensure_ascii=False)
            if seen is not None and seen.shape is not None:
                told = seen.shape
            if line or seen is None:
                async with asyncio.timeout(PATIENCE):
                    await response.write(f"{line}\n".encode())
            if seen is not None and seen.over:
                break
        await response.write_eof()
    except ConnectionError:
        pass  # it left
    except TimeoutError:
        log.info("cut off a reader that takes nothing", path=request.path)
        if request.transport is not None:
            request.transport.abort()
    return response
