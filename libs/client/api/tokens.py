"""Tokens, what logins and programs show for themselves: `/v1/auth/tokens`."""

from __future__ import annotations

from urllib.parse import quote

from libs.client.api.answer import Answer, Page
from libs.client.api.connection import Connection

CURRENT = "current"  # the token that a request shows, by this name


class Token(Answer):
    """A token without its secret. `name` is empty of a login's; `current` marks the one that was shown to ask."""

    id: str
    name: str | None = ""
    created: str = ""
    last_used: str | None = None
    current: bool = False


class NamedToken(Answer):
    """A token that was made just now: its secret is told this once."""

    id: str
    name: str
    token: str


class Tokens:
    """The user's tokens; an administrator's calls may name another's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, limit: int = 100, username: str | None = None) -> Page[Token]:
        """The first `limit` tokens, newest first."""
        whose = {"username": username} if username else {}
        return (await self._connection.get("/v1/auth/tokens", page_size=limit, **whose)).read(Page[Token])

    async def create(self, name: str) -> NamedToken:
        """One more token, for a program; no other ends."""
        return (await self._connection.post("/v1/auth/tokens/", {"name": name})).read(NamedToken)

    async def revoke(self, which: str = CURRENT) -> None:
        """End the token of this id, or the one that this request shows."""
        await self._connection.delete(f"/v1/auth/tokens/{quote(which, safe='')}")
