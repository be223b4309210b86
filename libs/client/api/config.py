"""An app's config, limits and tags: `/v1/apps/<app>/config`."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from libs.client.api.answer import Answer
from libs.client.api.apps import app_path
from libs.client.api.connection import Connection


class Config(Answer):
    """What a release runs with. `memory` and `cpu` are limits by process type."""

    app: str = ""
    owner: str = ""
    uuid: str = ""
    values: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    memory: dict[str, str] = Field(default_factory=dict)
    cpu: dict[str, int] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)

    @property
    def release(self) -> str | None:
        """The release that this config was made into (`v3`), where the controller says so."""
        release = self.values.get("DEIS_RELEASE")
        return None if release is None else str(release)


class Configs:
    """The config of apps. A change is a new release, and waits until that runs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, app: str) -> Config:
        """The present release's config."""
        return (await self._connection.get(app_path(app, "config"))).read(Config)

    async def change(self, app: str, **groups: Mapping[str, str | int | None]) -> Config:
        """Merge `values`, `memory`, `cpu` and `tags` into the present config; None removes a key."""
        body = {name: dict(group) for name, group in groups.items()}
        return (await self._connection.post(app_path(app, "config"), body, patient=True)).read(Config)
