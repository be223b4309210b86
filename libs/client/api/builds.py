"""Builds, the images that were brought: `/v1/apps/<app>/builds`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from libs.client.api.answer import Answer, Page
from libs.client.api.apps import app_path
from libs.client.api.connection import Connection


class Build(Answer):
    """One image, with the commands of its process types."""

    uuid: str
    app: str = ""
    owner: str = ""
    image: str = ""
    sha: str | None = ""
    procfile: dict[str, str] | None = None
    created: str = ""
    left_out: dict[str, int] | None = None  # instances that this build leaves out, by type


class Builds:
    """The builds of apps."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, app: str, limit: int = 100) -> Page[Build]:
        """The first `limit` builds, newest first."""
        return (await self._connection.get(app_path(app, "builds"), page_size=limit)).read(Page[Build])

    async def create(self, app: str, image: str, procfile: Mapping[str, str] | None = None) -> Build:
        """Deploy an image; returns when it runs and is routed."""
        body: dict[str, Any] = {"image": image}
        if procfile:
            body["procfile"] = dict(procfile)
        return (await self._connection.post(app_path(app, "builds"), body, patient=True)).read(Build)
