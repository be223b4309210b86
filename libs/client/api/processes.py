"""Processes: `/v1/apps/<app>/containers` and `/scale`."""

from __future__ import annotations

from collections.abc import Mapping

from libs.client.api.answer import Answer, Page
from libs.client.api.apps import app_path
from libs.client.api.connection import Connection


class Process(Answer):
    """One running copy of a process type. `state`: initialized, created, up, down, destroyed, crashed or error.

    `ready` is None where nobody knows; `reason` says why it is not, why it is not live, or why it crashed.
    """

    type: str
    num: int
    state: str = ""
    release: str = ""
    uuid: str = ""
    app: str = ""
    owner: str = ""
    created: str = ""
    updated: str = ""
    ready: bool | None = None
    reason: str | None = ""
    last_lines: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name among the app's processes: `web.1`."""
        return f"{self.type}.{self.num}"


class Processes:
    """The processes of apps."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, app: str, limit: int = 100) -> Page[Process]:
        """The first `limit` processes."""
        return (await self._connection.get(app_path(app, "containers"), page_size=limit)).read(Page[Process])

    async def scale(self, app: str, formation: Mapping[str, int]) -> None:
        """Run so many of each named type; returns when they do."""
        await self._connection.post(app_path(app, "scale"), formation, patient=True)

    async def restart(self, app: str, type_: str | None = None, number: int | None = None) -> tuple[Process, ...]:
        """Replace all processes, those of a type, or one; returns those that were replaced."""
        scope = [part for part in (type_, None if number is None else str(number)) if part]
        reply = await self._connection.post(app_path(app, "containers", *scope, "restart"), patient=True)
        body = reply.json()
        results = body.get("results", []) if isinstance(body, dict) else body
        return Page[Process].model_validate({"count": len(results), "results": results}).results
