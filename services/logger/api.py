"""The logger's HTTP: v1's two verbs on an app's lines, and the agents' way in below `/_/`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from libs.keyspace.document import now
from libs.loglines import BATCH_LIMIT, Ack, BadBatch, BadBlock, unpack
from libs.loglines.frame import BOOT_HEADER, Refused
from libs.loglines.selection import BadSelection, parse
from libs.loglines.token import shows
from libs.web import ErrorTable, application, detail
from libs.web.errors import Row
from services.logger.archive import Archive
from services.logger.newest import rendered
from services.logger.reads import TooManyReads
from services.logger.ring import Ring
from services.logger.search import last_lines_aside

log = structlog.get_logger("logger")

TURN = 512  # frames of a batch that are taken at once
DEFAULT_LINES = 100  # as in v1
MOST_LINES = 1_000_000
RETRY = {"Retry-After": "2"}  # seconds, for a read that found no place

UuidOf = Callable[[str], str | None]


class LogApi:
    """Answers for an archive. `uuid_of` tells the uuid of the app that has a name now, None when it is not known."""

    def __init__(self, archive: Archive, uuid_of: UuidOf, *, token: str, open_reads: bool) -> None:
        self._archive = archive
        self._uuid_of = uuid_of
        self._token = token
        self._open_reads = open_reads

    def application(self, registry: CollectorRegistry) -> web.Application:
        """The routes, in the house's frame."""
        rows: dict[type[Exception], Row] = {
            BadBatch: _bad_request,
            BadSelection: _bad_request,
            TooManyReads: lambda error: detail(503, str(error), RETRY),
        }
        app = application(
            service="logger", registry=registry, errors=ErrorTable(rows), body_limit=BATCH_LIMIT, deadline=30.0
        )
        app.router.add_get("/_/boot", self._boot)
        app.router.add_get("/_/known/{app_uuid}/{instance}", self._known)
        app.router.add_post("/_/lines", self._ingest)
        for path in ("/{app}", "/{app}/"):  # v1 read at the first and deleted at the second
            app.router.add_get(path, self._read)
            app.router.add_delete(path, self._delete)
        return app

    async def _read(self, request: web.Request) -> web.Response:
        """The last lines, oldest first, each with a newline; 204 when there is none."""
        self._check(request, reading=True)
        selection, count = parse(request.query, now=now()), log_lines(request.query)
        name = request.match_info["app"]
        ring = self._ring(name)
        left = partial(_left, request)
        found = await last_lines_aside(ring, selection, count, self._archive.sifting, left=left) if ring else []
        if not found:
            return web.Response(status=204)
        body = rendered(name, found)
        return web.Response(body=body, content_type="text/plain", charset="utf-8")

    async def _delete(self, request: web.Request) -> web.Response:
        """Let go of an app's lines; there may be none."""
        self._check(request)
        name = request.match_info["app"]
        self._archive.clear(name, self._uuid_of(name))
        return web.Response(status=204)

    async def _boot(self, request: web.Request) -> web.Response:
        """Which memory this is."""
        self._check(request)
        return _json(Ack(boot=self._archive.boot).model_dump_json())

    async def _known(self, request: web.Request) -> web.Response:
        """How far an instance's agent has come."""
        self._check(request)
        known = self._archive.known(request.match_info["app_uuid"], request.match_info["instance"])
        return _json(known.model_dump_json())

    async def _ingest(self, request: web.Request) -> web.Response:
        """A batch of lines; 409 when it was meant for an earlier boot, whose readings are not known here."""
        self._check(request)
        archive = self._archive
        if request.headers.get(BOOT_HEADER) != archive.boot:
            return _json(Ack(boot=archive.boot).model_dump_json(), status=409)
        lines, doubles, refused = 0, 0, []
        for index, frame in enumerate(unpack(await request.read())):
            if index % TURN == TURN - 1:
                await asyncio.sleep(0)  # a batch of very many small frames holds nobody up
            try:
                taken = archive.take(frame)
            except BadBlock as error:
                header = frame.header
                log.warning("refused a frame", app=header.app, instance=header.instance, reason=str(error))
                refused.append(Refused(index=index, reason=str(error)))
            else:
                lines += taken.stored
                doubles += taken.doubles
        return _json(Ack(boot=archive.boot, lines=lines, doubles=doubles, refused=tuple(refused)).model_dump_json())

    def _ring(self, name: str) -> Ring | None:
        return self._archive.ring(name, self._uuid_of(name))

    def _check(self, request: web.Request, *, reading: bool = False) -> None:
        """Lines are read with the token, or by anyone where the listener is on loopback; all else takes the token."""
        if not (reading and self._open_reads) and not shows(request.headers, self._token):
            raise web.HTTPUnauthorized(reason="This takes the platform's internal token.")


def log_lines(parameters: Mapping[str, str]) -> int:
    """How many lines are asked for, as v1 has it; raises `BadSelection`."""
    text = parameters.get("log_lines", "")
    if not text:
        return DEFAULT_LINES
    if not (text.isascii() and text.isdigit()):
        raise BadSelection(f"log_lines is {text[:100]!r}; it must be a number of lines, 0 or more")
    return min(int(text[:10]), MOST_LINES)


def _left(request: web.Request) -> bool:
    """Whether who asked is gone."""
    return request.transport is None or request.transport.is_closing()


def _bad_request(error: Exception) -> web.Response:
    return detail(400, str(error))


def _json(text: str, *, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="application/json")
