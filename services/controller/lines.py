"""An answer that goes on, in lines of JSON; who takes nothing of it for long is cut off."""

from __future__ import annotations

import asyncio
import json
from typing import Self

import structlog
from aiohttp import hdrs, web

from services.controller.shapes import Shape

NDJSON = "application/x-ndjson"

log = structlog.get_logger("following")


class ReaderGone(Exception):
    """The reader left, or was cut off."""


def asked_for(request: web.Request) -> bool:
    """Whether a client wants lines for as long as it goes on."""
    accepted = (one.partition(";")[0].strip().lower() for one in request.headers.get(hdrs.ACCEPT, "").split(","))
    return request.method != hdrs.METH_HEAD and NDJSON in accepted


class Lines:
    """The answer. Writing raises `ReaderGone`."""

    def __init__(self, request: web.Request, *, patience: float) -> None:
        self._request, self._patience = request, patience
        self.response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: NDJSON, hdrs.CACHE_CONTROL: "no-store"})

    @classmethod
    async def begun(cls, request: web.Request, *, patience: float) -> Self:
        """The answer with its head sent; a reader must take within `patience` seconds what it is told."""
        lines = cls(request, patience=patience)
        if request_id := structlog.contextvars.get_contextvars().get("request_id"):
            lines.response.headers["X-Request-Id"] = request_id
        await lines.response.prepare(request)
        return lines

    async def say(self, *documents: Shape) -> None:
        """A line each; none is an empty line, which shows that somebody is here."""
        text = "".join(f"{json.dumps(document, ensure_ascii=False)}\n" for document in documents) or "\n"
        try:
            async with asyncio.timeout(self._patience):
                await self.response.write(text.encode())
        except ConnectionError as error:
            raise ReaderGone from error
        except TimeoutError as error:
            log.info("cut off a reader that takes nothing", path=self._request.path)
            if self._request.transport is not None:
                self._request.transport.abort()
            raise ReaderGone from error
