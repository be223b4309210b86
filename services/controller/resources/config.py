"""`/v1/apps/<id>/config`: values, limits, tags and health checks. Each change is a release."""

from __future__ import annotations

from aiohttp import web

from libs.web import as_json
from services.controller import shapes
from services.controller.config_change import read_change
from services.controller.configuring import configure, headers_of
from services.controller.controller import Call, Resource, Route
from services.controller.errors import NotFound
from services.controller.responding import Change, respond


class ConfigResource(Resource):
    """An app's config."""

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route("GET", "/v1/apps/{id}/config", self.show),
            Route("POST", "/v1/apps/{id}/config", self.change, followed=True),
        ]

    async def show(self, call: Call) -> web.Response:
        """The config of the release that the app wants now."""
        app = self._c.app(call)
        release = self._c.picture.release(app.uuid, app.release)
        if release is None:
            raise NotFound
        values = self._c.vault.unseal(app.uuid, release.config.values)
        return as_json(shapes.of_config(app, release.config, values))

    async def change(self, call: Call) -> web.StreamResponse:
        """Merge over the present config, make a release of it, and wait until it is out."""
        app = self._c.app(call)
        change = read_change(await call.body())
        configured = await configure(self._c, app, change, call.user.username)

        async def answer() -> web.Response:
            number = await configured.out(self._c.settling)
            shown = dict(configured.values)
            if configured.build is not None:
                shown |= {"DEIS_APP": app.id, "DEIS_RELEASE": f"v{number}"}
            return as_json(shapes.of_config(app, configured.config, shown), status=201, headers=headers_of(number))

        return await respond(self._c, call, Change(app, configured.released.release.number, answer))
