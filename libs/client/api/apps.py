"""Apps: `/v1/apps`."""

from __future__ import annotations

from urllib.parse import quote

from pydantic import Field

from libs.client.api.answer import Answer, Page
from libs.client.api.connection import Connection


class Alarm(Answer):
    """Something wrong with what an app runs, while it is: crashed, unready or not_live; of `web.1`, or of all `web`."""

    kind: str = ""
    about: str = ""
    since: str = ""
    message: str = ""
    last_lines: tuple[str, ...] = ()


class UnderWay(Answer):
    """The rollout of an app that is not over, and what it waits for."""

    release: str = ""
    phase: str = ""
    waiting: str | None = ""


class App(Answer):
    """An app as its users see it. `structure` counts its processes by type."""

    id: str
    uuid: str = ""
    owner: str = ""
    url: str = ""
    structure: dict[str, int] = Field(default_factory=dict)
    created: str = ""
    updated: str = ""
    alarms: tuple[Alarm, ...] = ()
    rollout: UnderWay | None = None


def app_path(app: str, *parts: str) -> str:
    """The path of an app or of something of it, each part escaped."""
    return "/".join(["/v1/apps", *(quote(part, safe="") for part in (app, *parts))])


class Apps:
    """The apps that the user may see."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, limit: int = 100) -> Page[App]:
        """The first `limit` apps."""
        return (await self._connection.get("/v1/apps", page_size=limit)).read(Page[App])

    async def get(self, app: str) -> App:
        """One app."""
        return (await self._connection.get(app_path(app))).read(App)

    async def create(self, app: str | None = None) -> App:
        """A new app; the controller makes up a name where none is given."""
        return (await self._connection.post("/v1/apps", {"id": app} if app else {})).read(App)

    async def destroy(self, app: str) -> None:
        """Stop the app's processes and forget it; returns when it is gone."""
        await self._connection.delete(app_path(app), patient=True)

    async def transfer(self, app: str, owner: str) -> None:
        """Make another user the app's owner."""
        await self._connection.post(app_path(app), {"owner": owner})
