"""The platform's own settings, for administrators: `/v1/admin/settings`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from libs.client.api.answer import Answer
from libs.client.api.connection import Connection


class PlatformSettings(Answer):
    """What holds, and what would hold if nothing were set."""

    settings: dict[str, Any] = Field(default_factory=dict)
    defaults: dict[str, Any] = Field(default_factory=dict)


class Platform:
    """The platform as a whole."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def settings(self) -> PlatformSettings:
        """What holds now."""
        return (await self._connection.get("/v1/admin/settings")).read(PlatformSettings)

    async def change(self, settings: Mapping[str, str | None]) -> PlatformSettings:
        """Change these; None brings the default back. What holds then."""
        return (await self._connection.post("/v1/admin/settings", {"settings": dict(settings)})).read(PlatformSettings)
