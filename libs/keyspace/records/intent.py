"""What is wanted: written by the controller alone."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, JsonValue, field_validator

from libs.keyspace.document import Document, Part, Sealed


class PlatformSetting(Document):
    """One setting of the platform, under `platform/<name>`."""

    value: JsonValue


class AppSettings(Part):
    """What a user may set for an app beside its config; a change of it makes no release.

    `surge`: how many instances of a type there may be beyond the formation while old ones are replaced, a number or a
    percentage of the type (None: the platform's default); `0` replaces in place. `parallel`: how many instances of the
    app may be on their way up at a time (None: all that the surge allows).
    """

    maintenance: bool = False
    startup_limit_seconds: float = Field(60.0, gt=0)
    drain_seconds: float = Field(30.0, ge=0)
    drain_websocket_seconds: float = Field(300.0, ge=0)
    stop_grace_seconds: float = Field(10.0, ge=0)
    response_timeout_seconds: int | None = Field(None, ge=1)
    surge: str | None = Field(None, pattern=r"^([0-9]{1,4}|[0-9]{1,3}%)$")
    parallel: int | None = Field(None, ge=1)


USUAL = AppSettings()


class Cancelled(Part):
    """A user's word that a rollout is not to go on."""

    release: int
    by: str
    at: datetime


class App(Document):
    """An app and its wanted state, under `apps/<app>`: the pointer that is flipped last.

    `release` is the wanted release (0: none has a build yet, nothing runs). `latest` is the highest release number
    ever given. `restarts` counts restarts asked for, by scope: `""` (all), `<type>` or `<type>.<number>`.
    """

    id: str
    uuid: str
    owner: str
    collaborators: tuple[str, ...] = ()
    formation: dict[str, int] = Field(default_factory=dict)
    release: int = 1
    latest: int = 1
    restarts: dict[str, int] = Field(default_factory=dict)
    settings: AppSettings = USUAL
    cancelled: Cancelled | None = None  # the last rollout that a user cancelled
    state: Literal["live", "destroying"] = "live"
    created: datetime
    updated: datetime

    @field_validator("settings")
    @classmethod
    def _share(cls, settings: AppSettings) -> AppSettings:
        """Most apps have the usual ones: a mirror of many apps holds them once."""
        return USUAL if settings == USUAL else settings

    def generation(self, type_: str, number: int) -> int:
        """How often `<type>.<number>` was asked to restart; an instance of a lower one is replaced."""
        scopes = ("", type_, f"{type_}.{number}")
        return sum(self.restarts.get(scope, 0) for scope in scopes)


class Build(Document):
    """An image that a user brought, under `builds/<app uuid>/<uuid>`; immutable."""

    uuid: str
    app: str
    owner: str
    image: str
    sha: str = ""
    procfile: dict[str, str] = Field(default_factory=dict)
    dockerfile: str = ""
    created: datetime


class Config(Part):
    """The config that a release runs with. `values` is sealed for the app's uuid, see `libs.vault`."""

    uuid: str
    owner: str
    values: Sealed
    memory: dict[str, str] = Field(default_factory=dict)
    cpu: dict[str, int] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)
    healthcheck: dict[str, JsonValue] = Field(default_factory=dict)
    created: datetime


class Release(Document):
    """One build with one config, under `releases/<app uuid>/<number>`; immutable."""

    uuid: str
    app: str
    owner: str
    number: int
    summary: str
    build: str | None = None  # the build's uuid
    config: Config
    created: datetime


class Domain(Document):
    """A name that an app answers to, under `domains/<fqdn>` (lower case)."""

    app: str
    domain: str  # as the user wrote it
    owner: str
    created: datetime


class EventToken(Part):
    """The named token that the request showed which did something."""

    id: str
    name: str


class Event(Document):
    """Something that happened to an app, under `events/<app uuid>/<id>`; ids sort by time."""

    app: str
    kind: str  # created, released, scaled, restarted, deployed, failed, crashed, destroyed, …
    by: str  # a user, or the daemon that saw it
    message: str
    release: int | None = None
    token: EventToken | None = None
    at: datetime
