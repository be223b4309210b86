"""All accounts, for administrators: `/v1/users`."""

from __future__ import annotations

from libs.client.api.answer import Page
from libs.client.api.auth import User
from libs.client.api.connection import Connection


class Users:
    """The accounts of the controller."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, limit: int = 100) -> Page[User]:
        """The first `limit` users."""
        return (await self._connection.get("/v1/users", page_size=limit)).read(Page[User])
