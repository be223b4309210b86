"""`/v1/auth/…`: registering, logging in, and who one is."""

from __future__ import annotations

from aiohttp import web

from libs.web import as_json
from services.controller import shapes
from services.controller.controller import Call, Resource, Route


class AccountResource(Resource):
    """A user's own account."""

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route("POST", "/v1/auth/register", self.register, open=True),
            Route("POST", "/v1/auth/login", self.login, open=True, slash=True),
            Route("GET", "/v1/auth/whoami", self.whoami),
            Route("POST", "/v1/auth/passwd", self.set_password),
        ]

    async def register(self, call: Call) -> web.Response:
        """A new account."""
        user = await self._c.accounts.register(await call.body(), call.sender)
        return as_json(shapes.of_user(user), status=201)

    async def login(self, call: Call) -> web.Response:
        """A token for a name and its password."""
        return as_json({"token": await self._c.accounts.login(await call.body())})

    async def set_password(self, call: Call) -> web.Response:
        """Another password."""
        await self._c.accounts.set_password(await call.body(), call.user)
        return as_json({"status": "password set"})

    async def whoami(self, call: Call) -> web.Response:
        """The account that the token is of."""
        return as_json(shapes.of_user(call.user))
