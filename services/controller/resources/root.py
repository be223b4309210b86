"""`/v1/`, where a client finds out whether its token is good, and `/healthz`."""

from __future__ import annotations

from aiohttp import web

from libs.web import as_json
from services.controller.controller import Call, Resource, Route


class RootResource(Resource):
    """The API's root and the health probe."""

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route("GET", "/healthz", self.health, open=True),
            Route("GET", "/v1", self.root),
        ]

    async def health(self, _: Call) -> web.Response:
        """The listener answers; whether it is of use is for `/readyz` on the admin port."""
        return web.Response(text="OK")

    async def root(self, call: Call) -> web.Response:
        """Nothing, to who is known."""
        del call
        return as_json({})
