"""An app's settings, a change of which makes no release: `/v1/apps/<app>/settings`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from libs.client.api.answer import Answer
from libs.client.api.apps import app_path
from libs.client.api.connection import Connection


class SettingsOfApp(Answer):
    """What holds, and what would hold if nothing were set, by the API's names."""

    app: str = ""
    settings: dict[str, Any] = Field(default_factory=dict)
    defaults: dict[str, Any] = Field(default_factory=dict)


class Settings:
    """The settings of apps."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, app: str) -> SettingsOfApp:
        """What holds now."""
        return (await self._connection.get(app_path(app, "settings"))).read(SettingsOfApp)

    async def change(self, app: str, settings: Mapping[str, str | int | float | None]) -> SettingsOfApp:
        """Change these; None brings the default back. What holds then."""
        body = {"settings": dict(settings)}
        return (await self._connection.post(app_path(app, "settings"), body)).read(SettingsOfApp)
