"""Who may use an app, and who administers the platform: `/v1/apps/<app>/perms` and `/v1/admin/perms`."""

from __future__ import annotations

from urllib.parse import quote

from libs.client.api.answer import Answer, Page
from libs.client.api.apps import app_path
from libs.client.api.connection import Connection

ADMINS = "/v1/admin/perms"


class Collaborators(Answer):
    """The users that an app is shared with; its owner is none of them."""

    users: tuple[str, ...] = ()


class Administrator(Answer):
    """A user who may do everything."""

    username: str
    is_superuser: bool = True


class Perms:
    """Permissions, of apps and of the platform."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of_app(self, app: str) -> tuple[str, ...]:
        """The users that the app is shared with."""
        return (await self._connection.get(app_path(app, "perms"))).read(Collaborators).users

    async def share(self, app: str, username: str) -> None:
        """Let a user use the app."""
        await self._connection.post(app_path(app, "perms"), {"username": username})

    async def unshare(self, app: str, username: str) -> None:
        """Let the user use the app no more."""
        await self._connection.delete(app_path(app, "perms", username))

    async def administrators(self, limit: int = 100) -> Page[Administrator]:
        """The first `limit` administrators."""
        return (await self._connection.get(ADMINS, page_size=limit)).read(Page[Administrator])

    async def promote(self, username: str) -> None:
        """Make a user an administrator."""
        await self._connection.post(ADMINS, {"username": username})

    async def demote(self, username: str) -> None:
        """Make an administrator a plain user."""
        await self._connection.delete(f"{ADMINS}/{quote(username, safe='')}")
