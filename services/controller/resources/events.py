"""`/v1/apps/<id>/events`: who did what to an app, and when. New with this release; v1 had none."""

from __future__ import annotations

from aiohttp import web

from libs.web import as_json
from services.controller import shapes
from services.controller.controller import Call, Resource, Route
from services.controller.pages import paginated


class EventsResource(Resource):
    """An app's audit trail."""

    def routes(self) -> list[Route]:
        """Its routes."""
        return [Route("GET", "/v1/apps/{id}/events", self.list)]

    async def list(self, call: Call) -> web.Response:
        """The events, newest first."""
        events = await self._c.events.latest(self._c.app(call).uuid)
        return as_json(paginated(call.request.url, events, lambda entry: shapes.of_event(*entry)))
