"""`/v1/auth/tokens`: a user's tokens, seen, made and ended."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from libs.keyspace.records import User
from libs.web import as_json
from services.controller import audit, shapes
from services.controller.access import require_superuser
from services.controller.accounts import UNKNOWN
from services.controller.asker import token_of
from services.controller.controller import Call, Resource, Route
from services.controller.errors import Forbidden, NotAuthenticated, NotFound
from services.controller.fields import Body, Fields
from services.controller.pages import paginated
from services.controller.tokens import hash_of, token_in

LONGEST_NAME = 64
FOR_PROGRAMS = "A named token is for programs: it makes and ends no tokens; log in."
CURRENT = "current"  # in an id's place: the token that the request shows


class TokensResource(Resource):
    """Tokens."""

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route("GET", "/v1/auth/tokens", self.list),
            Route("POST", "/v1/auth/tokens", self.make, slash=True),
            Route("DELETE", "/v1/auth/tokens/{id}", self.end),
        ]

    async def list(self, call: Call) -> web.Response:
        """One's own tokens, or as a superuser anyone's, newest first; never their text."""
        user = await self._whose(call, call.request.query.get("username") or None)
        shown = _hash(call)
        found = self._c.accounts.tokens.of(user)
        return as_json(paginated(call.request.url, found, lambda held: shapes.of_token(held, shown=shown)))

    async def make(self, call: Call) -> web.Response:
        """A named token beside the others; without a name a new one that ends all the others, as in v1."""
        _refuse_program(call)
        body = await call.body()
        if "name" in body:
            return await self._make_named(call, body)
        tokens = self._c.accounts.tokens
        if "all" in body or "username" in body:
            require_superuser(call.user)
        if "all" in body:
            ended = await tokens.end_all()
            audit.note("tokens of all ended", by=call.user.username, ended=ended)
            return as_json("")
        fields = Fields(body)
        username = fields.text("username", required=False)
        fields.check()
        user = await self._whose(call, username or None)
        made = await tokens.make(user)
        if not await self._c.accounts.still(user):
            await tokens.end(made.sha256)
            raise NotAuthenticated(UNKNOWN) if user.username == call.user.username else NotFound
        ended = await tokens.end_all(user.username, but=made.sha256)
        audit.note("tokens regenerated", by=call.user.username, whom=user.username, ended=ended, id=made.id)
        return as_json({"token": made.text})

    async def _make_named(self, call: Call, body: Body) -> web.Response:
        fields = Fields(body)
        name = fields.text("name", longest=LONGEST_NAME)
        for other in {"all", "username"} & body.keys():
            fields.wrongly(other, "A named token is one's own: leave this out.")
        fields.check()
        accounts = self._c.accounts
        made = await accounts.tokens.make(call.user, name)
        await accounts.undo_if_gone(call.user, partial(accounts.tokens.end, made.sha256))
        audit.note("token made", by=call.user.username, id=made.id, name=name)
        return as_json({"token": made.text, "id": made.id, "name": name}, status=201)

    async def end(self, call: Call) -> web.Response:
        """End one of one's own, or as a superuser anyone's."""
        tokens, id_ = self._c.accounts.tokens, call.parameter("id")
        text = token_in(call.request.headers.get("Authorization")) or ""
        held = await tokens.find(text) if id_ == CURRENT else tokens.by_id(id_)
        if id_ != CURRENT and (held is None or held.sha256 != hash_of(text)):
            _refuse_program(call)
        if held is None or not (call.user.is_superuser or held.token.username == call.user.username):
            raise NotFound
        await tokens.end(held.sha256)
        username, name = held.token.username, held.token.name
        audit.note("token ended", by=call.user.username, whom=username, id=held.id, name=name)
        return web.Response(status=204)

    async def _whose(self, call: Call, username: str | None) -> User:
        """The user whose tokens they are; raises `Forbidden`, `NotFound`."""
        if username is None or username == call.user.username:
            return call.user
        require_superuser(call.user)
        user = await self._c.accounts.find(username)
        if user is None:
            raise NotFound
        return user


def _refuse_program(call: Call) -> None:
    """Raise `Forbidden` for who shows a named token: else ending one that leaked would not end what it made."""
    if token_of(call.user.username) is not None:
        raise Forbidden(FOR_PROGRAMS)


def _hash(call: Call) -> str:
    """Of the token that the request shows."""
    return hash_of(token_in(call.request.headers.get("Authorization")) or "")
