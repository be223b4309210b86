"""`/v1/apps/<id>/logs`: the last lines of an app, from the logger."""

from __future__ import annotations

import re

import aiohttp
from aiohttp import web

from libs.keyspace.records import MeshMember
from libs.loglines.token import header
from services.controller.controller import Call, Resource, Route
from services.controller.errors import LogsUnavailable

DEFAULT_LINES = "1000"
GARBAGE_LINES = "100"  # what v1's logger made of a number that is none

_NUMBER = re.compile(r"[0-9]{1,9}")


class LogsResource(Resource):
    """An app's log."""

    def routes(self) -> list[Route]:
        """Its routes."""
        return [Route("GET", "/v1/apps/{id}/logs", self.show)]

    async def show(self, call: Call) -> web.Response:
        """The last `log_lines` lines as text; 204 when there is none."""
        app = self._c.app(call)
        lines = call.request.query.get("log_lines", DEFAULT_LINES)
        asked = {"log_lines": lines if _NUMBER.fullmatch(lines) else GARBAGE_LINES}
        shown = header(self._c.internal_token)
        for logger in self._loggers():
            try:
                async with self._c.client.get(f"{logger.url}/{app.id}", params=asked, headers=shown) as got:
                    if got.status == 204:
                        return web.Response(status=204)
                    if got.status == 200:
                        return web.Response(body=await got.read(), content_type="text/plain", charset="utf-8")
            except (aiohttp.ClientError, TimeoutError):
                continue
        raise LogsUnavailable(app.id)

    def _loggers(self) -> list[MeshMember]:
        """The loggers that are there, the ready ones first."""
        members = [member for _, member in self._c.picture.loggers.mirror.items()]
        return sorted(members, key=lambda member: not member.ready)
