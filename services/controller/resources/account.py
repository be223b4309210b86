"""`/v1/auth/…`: registering, logging in, who one is, another password, and leaving."""

from __future__ import annotations

from aiohttp import web

from libs.web import as_json
from services.controller import audit, shapes
from services.controller.access import require_superuser
from services.controller.clients import Clients
from services.controller.controller import Call, Controller, Resource, Route
from services.controller.fields import Fields


class AccountResource(Resource):
    """A user's own account."""

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._clients = Clients(controller.settings, controller.picture)

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route("POST", "/v1/auth/register", self.register, open=True),
            Route("POST", "/v1/auth/login", self.login, open=True, slash=True),
            Route("GET", "/v1/auth/whoami", self.whoami),
            Route("POST", "/v1/auth/passwd", self.set_password),
            Route("DELETE", "/v1/auth/cancel", self.cancel),
        ]

    async def register(self, call: Call) -> web.Response:
        """A new account."""
        user = await self._c.accounts.registration.register(await call.body(), call.sender)
        by = call.sender.username if call.sender is not None else user.username
        audit.note("registered", by=by, whom=user.username, superuser=user.is_superuser)
        return as_json(shapes.of_user(user), status=201)

    async def login(self, call: Call) -> web.Response:
        """A token for a name and its password."""
        return as_json({"token": await self._c.accounts.login(await call.body(), self._clients.address(call.request))})

    async def set_password(self, call: Call) -> web.Response:
        """Another password."""
        await self._c.accounts.set_password(await call.body(), call.user, self._clients.address(call.request))
        return as_json({"status": "password set"})

    async def whoami(self, call: Call) -> web.Response:
        """The account that the token is of."""
        return as_json(shapes.of_user(call.user))

    async def cancel(self, call: Call) -> web.Response:
        """End one's own account, or as a superuser anyone's."""
        fields = Fields(await call.body())
        username = fields.text("username", required=False, blank=True) or call.user.username
        fields.check()
        if username != call.user.username:
            require_superuser(call.user)
        await self._c.accounts.leaving.cancel(username, call.user.username)
        audit.note("account cancelled", by=call.user.username, whom=username)
        return web.Response(status=204)
