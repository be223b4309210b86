"""Accounts and logins: `/v1/auth`."""

from __future__ import annotations

from libs.client.api.answer import Answer
from libs.client.api.connection import Connection


class User(Answer):
    """An account."""

    username: str
    email: str = ""
    is_superuser: bool = False


class Token(Answer):
    """What a login is worth: 40 hexadecimal digits, to be kept secret."""

    token: str


class Auth:
    """Accounts of the controller."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def register(self, username: str, password: str, email: str) -> User:
        """A new account; the very first one is the administrator's."""
        body = {"username": username, "password": password, "email": email}
        return (await self._connection.post("/v1/auth/register/", body)).read(User)

    async def login(self, username: str, password: str) -> str:
        """A token for the user."""
        body = {"username": username, "password": password}
        return (await self._connection.with_token(None).post("/v1/auth/login/", body)).read(Token).token

    async def whoami(self) -> User:
        """The user whose token is shown."""
        return (await self._connection.get("/v1/auth/whoami")).read(User)

    async def change_password(self, new: str, *, current: str | None = None, username: str | None = None) -> None:
        """A new password for oneself, or, for an administrator, for `username`. Tokens stay as they are."""
        body = {"new_password": new, "password": current, "username": username}
        body = {name: value for name, value in body.items() if value is not None}
        await self._connection.post("/v1/auth/passwd/", body)

    async def cancel(self, username: str | None = None) -> None:
        """Remove one's own account, or, for an administrator, that of `username`."""
        await self._connection.delete("/v1/auth/cancel/", {"username": username} if username else None)

    async def regenerate(self, username: str | None = None) -> str:
        """A new token in place of all that one has, or, for an administrator, that `username` has."""
        body = {"username": username} if username else {}
        return (await self._connection.post("/v1/auth/tokens/", body)).read(Token).token

    async def regenerate_all(self) -> None:
        """End every token of every user; for administrators."""
        await self._connection.post("/v1/auth/tokens/", {"all": True})
