"""`/v1/apps/<id>/builds`: images that a user brings. Each is a release."""

from __future__ import annotations

from aiohttp import web

from libs.web import as_json
from services.controller import shapes
from services.controller.building import begin, read_build
from services.controller.configuring import headers_of
from services.controller.controller import Call, Resource, Route
from services.controller.errors import NotFound
from services.controller.fields import Fields
from services.controller.pages import paginated
from services.controller.process_types import dropped
from services.controller.responding import Change, respond


class BuildsResource(Resource):
    """An app's builds."""

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route("GET", "/v1/apps/{id}/builds", self.list),
            Route("POST", "/v1/apps/{id}/builds", self.create, followed=True),
            Route("GET", "/v1/apps/{id}/builds/{uuid}", self.show),
        ]

    async def list(self, call: Call) -> web.Response:
        """The builds, newest first."""
        builds = self._c.picture.builds_of(self._c.app(call).uuid)
        return as_json(paginated(call.request.url, builds, shapes.of_build))

    async def show(self, call: Call) -> web.Response:
        """One build."""
        build = self._c.picture.builds.mirror.get(self._c.app(call).uuid, call.parameter("uuid"))
        if build is None:
            raise NotFound
        return as_json(shapes.of_build(build))

    async def create(self, call: Call) -> web.StreamResponse:
        """Make a release of the image, and wait until it is out."""
        app = self._c.app(call)
        build = read_build(Fields(await call.body()), app, call.user.username)
        lost = dropped(app.formation, build)
        left_out: shapes.Shape = {"left_out": {**lost}} if lost else {}
        begun = await begin(self._c, app, build, call.user.username)

        async def answer() -> web.Response:
            headers = headers_of(await self._c.settling.out(*begun))
            return as_json({**shapes.of_build(build), **left_out}, status=201, headers=headers)

        return await respond(self._c, call, Change(app, begun[0].release.number, answer))
