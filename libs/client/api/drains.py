"""Where log lines are sent: `/v1/apps/<app>/drains`, and of every app `/v1/admin/drains`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from pydantic import Field

from libs.client.api.answer import Answer, Page
from libs.client.api.apps import app_path
from libs.client.api.connection import Connection

PLATFORM_PATH = "/v1/admin/drains"


class DrainState(Answer):
    """How a drain fares, in lines; `error` of the last try, and `failing` since when."""

    sent: int = 0
    dropped: int = 0
    waiting: int = 0
    until: str | None = None
    error: str = ""
    failing: str | None = None


class Drain(Answer):
    """One place that lines are sent to; its secrets are never given back. No state: nothing was sent yet."""

    id: str
    app: str = ""
    owner: str = ""
    url: str = ""
    token: str = ""
    select: dict[str, str] = Field(default_factory=dict)
    created: str = ""
    client_certificate: bool = False
    state: DrainState | None = None


class Drains:
    """The drains of an app; of the whole platform where no app is given, for administrators."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, app: str | None, limit: int = 100) -> Page[Drain]:
        """The first `limit` drains."""
        return (await self._connection.get(_path(app), page_size=limit)).read(Page[Drain])

    async def get(self, app: str | None, drain: str) -> Drain:
        """One of them."""
        return (await self._connection.get(_path(app, drain))).read(Drain)

    async def add(self, app: str | None, asked: dict[str, Any]) -> Drain:
        """Send lines to one more place: `url`, `select`, `client_certificate`, `client_key` and `ca` (PEM)."""
        return (await self._connection.post(_path(app), asked)).read(Drain)

    async def remove(self, app: str | None, drain: str) -> None:
        """Send nothing there any more."""
        await self._connection.delete(_path(app, drain))


def _path(app: str | None, drain: str = "") -> str:
    if app:
        return app_path(app, "drains", *([drain] if drain else []))
    return f"{PLATFORM_PATH}/{quote(drain, safe='')}" if drain else PLATFORM_PATH
