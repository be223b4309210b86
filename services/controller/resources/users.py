"""`/v1/users`: every account, for superusers."""

from __future__ import annotations

from aiohttp import web

from libs.web import as_json
from services.controller import shapes
from services.controller.access import require_superuser
from services.controller.controller import Call, Resource, Route
from services.controller.pages import paginated


class UsersResource(Resource):
    """Accounts."""

    def routes(self) -> list[Route]:
        """Its routes."""
        return [Route("GET", "/v1/users", self.list)]

    async def list(self, call: Call) -> web.Response:
        """Every account, by name."""
        require_superuser(call.user)
        users = [user for _, user in self._c.picture.users.mirror.items()]
        return as_json(paginated(call.request.url, users, shapes.of_user))
