"""Events, who did what and when: `/v1/apps/<app>/events`."""

from __future__ import annotations

from libs.client.api.answer import Answer, Page
from libs.client.api.apps import app_path
from libs.client.api.connection import Connection


class EventToken(Answer):
    """The named token by which it was done."""

    id: str = ""
    name: str = ""


class Event(Answer):
    """Something that happened to an app."""

    id: str = ""
    app: str = ""
    kind: str = ""
    by: str = ""
    token: EventToken | None = None
    message: str = ""
    release: str | None = None
    created: str = ""

    @property
    def who(self) -> str:
        """The user, with the name of the token that was shown."""
        return f"{self.by} (token {self.token.name})" if self.token else self.by


class Events:
    """The events of apps."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, app: str, limit: int = 100) -> Page[Event]:
        """The newest `limit` events."""
        return (await self._connection.get(app_path(app, "events"), page_size=limit)).read(Page[Event])
