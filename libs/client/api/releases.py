"""Releases: `/v1/apps/<app>/releases`."""

from __future__ import annotations

from libs.client.api.answer import Answer, Page
from libs.client.api.apps import app_path
from libs.client.api.connection import Connection


class Evidence(Answer):
    """A phase that a release's rollout went through, and how long that took."""

    phase: str = ""
    seconds: float | None = None
    note: str | None = ""


class Release(Answer):
    """One build with one config. `build` is empty where there is none yet.

    `state` is current, failed, superseded or empty, `reason` says why; `evidence` comes with one release alone. An
    older controller sends none of the three.
    """

    version: int
    uuid: str = ""
    app: str = ""
    owner: str = ""
    summary: str | None = ""
    build: str | None = None
    config: str | None = None
    created: str = ""
    updated: str = ""
    state: str | None = None
    reason: str | None = None
    evidence: tuple[Evidence, ...] | None = None


class Rollback(Answer):
    """What a rollback made: a new release, with the old one's build and config."""

    version: int


class Releases:
    """The releases of apps."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, app: str, limit: int = 100) -> Page[Release]:
        """The first `limit` releases, newest first."""
        return (await self._connection.get(app_path(app, "releases"), page_size=limit)).read(Page[Release])

    async def get(self, app: str, version: int) -> Release:
        """One release."""
        return (await self._connection.get(app_path(app, "releases", f"v{version}"))).read(Release)

    async def rollback(self, app: str, version: int | None = None) -> int:
        """Go back to a release, or by one; the number of the new release, which then runs."""
        body = {} if version is None else {"version": version}
        reply = await self._connection.post(app_path(app, "releases", "rollback"), body, patient=True)
        return reply.read(Rollback).version
