"""`/v1/apps/<id>/logs`: the last lines of an app, from the logger that keeps them, and tickets to follow them there."""

from __future__ import annotations

import re
from urllib.parse import quote

import aiohttp
from aiohttp import web
from yarl import URL

from libs.keyspace.records import App, MeshMember
from libs.loglines.sharing import logger_of
from libs.loglines.tail import PROTOCOL
from libs.loglines.token import header
from libs.web import as_json
from services.controller import shapes
from services.controller.controller import Call, Controller, Resource, Route
from services.controller.errors import BadRequest, LogsBusy, LogsUnavailable, TailsUnavailable
from services.controller.log_tickets import Tickets
from services.controller.tokens import hash_of, token_in

DEFAULT_LINES = "1000"
GARBAGE_LINES = "100"  # what v1's logger made of a number that is none
FILTERS = ("process", "instance", "release", "stream", "since", "until", "grep", "level")

_NUMBER = re.compile(r"[0-9]{1,9}")
_UNREADABLE = "The logger cannot read these filters; they may be too long."
_BUSY = "The logger is asked for more at once than it takes. Try again soon."


class LogsResource(Resource):
    """An app's log."""

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._tickets = Tickets(controller.store, controller.keyspace)

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route("GET", "/v1/apps/{id}/logs", self.show),
            Route("POST", "/v1/apps/{id}/logs/tickets", self.issue),
        ]

    async def show(self, call: Call) -> web.Response:
        """The last `log_lines` lines that pass the filters, as text; 204 when there is none."""
        app, query = self._c.app(call), call.request.query
        lines = query.get("log_lines", DEFAULT_LINES)
        filters = {name: query[name] for name in FILTERS if name in query}
        asked = {"log_lines": lines if _NUMBER.fullmatch(lines) else GARBAGE_LINES, **filters}
        shown, empty = header(self._c.internal_token), False
        for logger, own in self._loggers(app):
            try:
                async with self._c.client.get(f"{logger.url}/{app.id}", params=asked, headers=shown) as got:
                    if got.status == 200:
                        return web.Response(body=await got.read(), content_type="text/plain", charset="utf-8")
                    if got.status == 400 and filters:
                        raise BadRequest(await _why(got, _UNREADABLE))
                    if got.status == 503 and own:  # what another one has left of the app's lines is no answer then
                        raise LogsBusy(await _why(got, _BUSY))
                    empty |= own and got.status == 204
            except (aiohttp.ClientError, TimeoutError):
                continue
        if empty:
            return web.Response(status=204)
        raise LogsUnavailable(app.id)

    async def issue(self, call: Call) -> web.Response:
        """A ticket for the logger that keeps the app's lines, and where that is followed."""
        app = self._c.app(call)
        logger = self._follows(app)
        token = token_in(call.request.headers.get("Authorization"))
        ticket = await self._tickets.issue(app, call.user, hash_of(token) if token else "")
        return as_json(
            {
                "url": str(_tail_at(call.request.url, logger.id)),
                "ticket": ticket.text,
                "protocol": PROTOCOL,
                "expires": shapes.date(ticket.expires),
            },
            status=201,
        )

    def _follows(self, app: App) -> MeshMember:
        """The logger whose tail has the app's lines; raises `TailsUnavailable`."""
        logger = logger_of(app.uuid, self._members())
        if logger is None or not logger.ready:
            raise TailsUnavailable(f"No logger is ready, so {app.id} cannot be followed now. Try again soon.")
        if not logger.sockets_url:
            raise TailsUnavailable(
                f"The logger {logger.id}, which keeps the lines of {app.id}, serves no tails now. Try again soon, or "
                "read the last lines."
            )
        return logger

    def _loggers(self, app: App) -> list[tuple[MeshMember, bool]]:
        """The loggers that are there and whether each keeps the app: its own first, then the ready ones.

        Another one may have lines from when it kept the app, of instances that are gone. That it has none says nothing.
        """
        members = self._members()
        own = logger_of(app.uuid, members)
        ranked = sorted(members, key=lambda member: (member is not own, not member.ready))
        return [(member, member is own) for member in ranked]

    def _members(self) -> list[MeshMember]:
        return [member for _, member in self._c.picture.loggers.mirror.items()]


def _tail_at(asked: URL, logger: str) -> URL:
    """Where a logger's tail is, seen by who asked at this URL: at the same host, past the same router."""
    scheme = "wss" if asked.scheme == "https" else "ws"
    return asked.with_scheme(scheme).with_path(f"/logs/{quote(logger, safe='')}/tail", encoded=True)


async def _why(refusal: aiohttp.ClientResponse, otherwise: str) -> str:
    """A logger's own word."""
    try:
        return str((await refusal.json())["detail"])
    except (ValueError, TypeError, KeyError, aiohttp.ContentTypeError):
        return otherwise
