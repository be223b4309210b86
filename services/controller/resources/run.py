"""`/v1/apps/<id>/run`: a command in a container of its own."""

from __future__ import annotations

from aiohttp import web

from libs.web import as_json
from services.controller.controller import Call, Resource, Route
from services.controller.fields import Fields
from services.controller.run_output import LEFT_OUT
from services.controller.run_spec import LONGEST_COMMAND


class RunResource(Resource):
    """One-off runs of an app's release."""

    def routes(self) -> list[Route]:
        """Its routes."""
        return [Route("POST", "/v1/apps/{id}/run", self.run)]

    async def run(self, call: Call) -> web.Response:
        """Run the command and wait for its end: the exit code and the output, as v1 told them."""
        app = self._c.app(call)
        fields = Fields(await call.body())
        command = fields.text("command", longest=LONGEST_COMMAND)
        fields.check()
        ran = await self._c.running.run(app, call.user.username, command)
        return as_json([ran.code, ran.output], headers={LEFT_OUT: str(ran.left_out)} if ran.left_out else None)
