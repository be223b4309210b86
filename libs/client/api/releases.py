"""Releases: `/v1/apps/<app>/releases`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from pydantic import Field

from libs.client.api.answer import Answer, Page
from libs.client.api.apps import app_path
from libs.client.api.connection import Connection

SETTLED = frozenset({"done", "failed", "superseded", "cancelled"})


class Evidence(Answer):
    """A phase that a release's rollout went through, and how long that took."""

    phase: str = ""
    began: str | None = None
    seconds: float | None = None
    note: str | None = ""


class RouterEvidence(Answer):
    """What a router said of an instance, and when that was seen."""

    routed: str | None = None
    withdrawn: str | None = None
    gone: str | None = None


class InstanceEvidence(Answer):
    """The course of one instance in a rollout: of one that came, planned … routed; of one that left, retired … stopped.

    Times as the API has them. `in_flight` counts requests and WebSockets, `websockets` the latter alone; both are None
    where no router's word was there.
    """

    id: str = ""
    title: str = ""
    release: int | str | None = None
    node: str | None = ""
    planned: str | None = None
    started: str | None = None
    ready: str | None = None
    routed: str | None = None
    probes: int | None = 0
    took_seconds: float | None = None
    probe: str | None = ""
    routers: dict[str, RouterEvidence] = Field(default_factory=dict)
    reason: str | None = ""
    retired: str | None = None
    drained: str | None = None
    in_flight: int | None = None
    websockets: int | None = None
    stopped: str | None = None


class Release(Answer):
    """One build with one config. `build` is empty where there is none yet.

    `state` is current, rolling, failed, cancelled, superseded or empty, `reason` says why. What is said of the rollout,
    from `phase` on, comes with one release alone. An older controller sends less.
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
    phase: str | None = None
    waiting: str | None = None
    in_place: str | None = None
    last_lines: tuple[str, ...] | None = None
    asked: str | None = None
    evidence: tuple[Evidence, ...] | None = None
    instances: tuple[InstanceEvidence, ...] | None = None

    @property
    def settled(self) -> bool:
        """Whether its rollout is over, or there never was one to be."""
        return not self.phase or self.phase in SETTLED


class Rollback(Answer):
    """What a rollback made: a new release, with the old one's build and config."""

    version: int


class Cancellation(Answer):
    """A rollout that was cancelled, and the release that is wanted again; `runs`: it has a build."""

    version: int
    back_to: int | None = None
    runs: bool = True


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

    async def follow(self, app: str, version: int) -> AsyncGenerator[Release]:
        """One release as it is and at each change of its rollout, until that is settled or the connection ends."""
        async with aclosing(self._connection.lines(app_path(app, "releases", f"v{version}"))) as lines:
            async for line in lines:
                yield line.read(Release)

    async def rollback(self, app: str, version: int | None = None) -> int:
        """Go back to a release, or by one; the number of the new release, which then runs."""
        body = {} if version is None else {"version": version}
        reply = await self._connection.post(app_path(app, "releases", "rollback"), body, patient=True)
        return reply.read(Rollback).version

    async def cancel(self, app: str, version: int | None = None) -> Cancellation:
        """Cancel a release's rollout, or the one under way; returns when the release before it runs again."""
        which = [] if version is None else [f"v{version}"]
        reply = await self._connection.post(app_path(app, "releases", *which, "cancel"), patient=True)
        return reply.read(Cancellation)
