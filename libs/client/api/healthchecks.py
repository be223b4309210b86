"""Probes of an app's processes: `/v1/apps/<app>/healthchecks`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from libs.client.api.answer import Answer
from libs.client.api.apps import app_path
from libs.client.api.connection import Connection

Probes = dict[str, dict[str, dict[str, Any] | None]]  # by process type, then startupProbe and so on; Kubernetes' words


class HealthcheckSet(Answer):
    """A release's probes: those that a user has set, and all that hold."""

    app: str = ""
    release: str = ""
    healthcheck: Probes = Field(default_factory=dict)
    effective: Probes = Field(default_factory=dict)


class Healthchecks:
    """The probes of apps. A change is a new release, and waits until that runs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self, app: str) -> HealthcheckSet:
        """The present release's probes."""
        return (await self._connection.get(app_path(app, "healthchecks"))).read(HealthcheckSet)

    async def change(self, app: str, probes: Mapping[str, Mapping[str, Mapping[str, Any] | None]]) -> HealthcheckSet:
        """Merge probes of types; None removes one. What the new release has."""
        body = {"healthcheck": {type_: dict(group) for type_, group in probes.items()}}
        reply = await self._connection.post(app_path(app, "healthchecks"), body, patient=True)
        return reply.read(HealthcheckSet)
