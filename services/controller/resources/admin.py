"""`/v1/admin/…`: who is a superuser, and the settings of the platform."""

from __future__ import annotations

from aiohttp import web

from libs.web import as_json
from services.controller import audit, platform_settings
from services.controller.access import require_superuser
from services.controller.controller import Call, Resource, Route
from services.controller.fields import Fields
from services.controller.pages import paginated


class AdminResource(Resource):
    """What superusers alone may see and do."""

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route("GET", "/v1/admin/perms", self.list),
            Route("POST", "/v1/admin/perms", self.add),
            Route("DELETE", "/v1/admin/perms/{username}", self.take),
            Route("GET", "/v1/admin/settings", self.show_settings),
            Route("POST", "/v1/admin/settings", self.change_settings),
        ]

    async def list(self, call: Call) -> web.Response:
        """The superusers, by name."""
        require_superuser(call.user)
        users = [user for _, user in self._c.picture.users.mirror.items() if user.is_superuser and user.is_active]
        return as_json(
            paginated(call.request.url, users, lambda user: {"username": user.username, "is_superuser": True})
        )

    async def add(self, call: Call) -> web.Response:
        """Make a user a superuser."""
        require_superuser(call.user)
        fields = Fields(await call.body())
        username = fields.text("username")
        fields.check()
        await self._c.accounts.superusers.add(username)
        audit.note("superuser made", by=call.user.username, whom=username)
        return web.Response(status=201)

    async def take(self, call: Call) -> web.Response:
        """Take the right away; one who has it not is left alone."""
        require_superuser(call.user)
        username = call.parameter("username")
        if await self._c.accounts.superusers.take(username):
            audit.note("superuser unmade", by=call.user.username, whom=username)
        return web.Response(status=204)

    async def show_settings(self, call: Call) -> web.Response:
        """The settings that hold, and the defaults."""
        require_superuser(call.user)
        return as_json(platform_settings.shape(self._c.picture))

    async def change_settings(self, call: Call) -> web.Response:
        """Change the settings that the body names."""
        require_superuser(call.user)
        change = platform_settings.read_change(await call.body(), self._c.picture)
        c, by = self._c, call.user.username
        await platform_settings.write(c.store, c.keyspace, c.picture, platform_settings.sealed(change, c.vault), by)
        return as_json(platform_settings.shape(c.picture), status=201)
