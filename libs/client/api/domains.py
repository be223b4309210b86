"""Domains, the names that an app answers to: `/v1/apps/<app>/domains`."""

from __future__ import annotations

from libs.client.api.answer import Answer, Page
from libs.client.api.apps import app_path
from libs.client.api.connection import Connection


class Domain(Answer):
    """One name of an app."""

    domain: str
    app: str = ""
    owner: str = ""
    created: str = ""
    updated: str = ""


class Domains:
    """The domains of apps."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, app: str, limit: int = 100) -> Page[Domain]:
        """The first `limit` domains."""
        return (await self._connection.get(app_path(app, "domains"), page_size=limit)).read(Page[Domain])

    async def add(self, app: str, domain: str) -> Domain:
        """Make the app answer to a name."""
        return (await self._connection.post(app_path(app, "domains"), {"domain": domain})).read(Domain)

    async def remove(self, app: str, domain: str) -> None:
        """Make it answer to the name no more."""
        await self._connection.delete(app_path(app, "domains", domain))
