"""One release on its way: all that a new leader needs to take over."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from libs.keyspace.document import Document, Part

Phase = Literal["preparing", "starting", "routing", "retiring", "done", "failed", "superseded"]


class Planned(Part):
    """An instance that the deployer decided on, written down before the engine is asked."""

    id: str
    name: str  # the engine's name: `<app>_v<N>.<type>.<number>-<id>`
    type: str
    number: int
    generation: int = 0
    planned: datetime
    deadline: datetime | None = None  # set when the container runs: started + the startup limit
    established: bool = False  # it was part of a success: a later failure of its release leaves it alone


class Evidence(Part):
    """One phase that is over: how long it took and what it waited for."""

    phase: str
    began: datetime
    ended: datetime
    note: str = ""


class Rollout(Document):
    """The state of one release's rollout, under `rollouts/<app uuid>/<number>`.

    `intent` is the store revision of the app's record that it last acted on: a client that wrote the app at revision R
    waits for `intent >= R` and a phase that is settled. `epoch` is the writing leader's; a lower one must not write.
    `image` is the digest that every instance of this release runs. `routers` (id to node) are those whose word counts:
    a new leader knows of one that is away only from here.
    """

    app: str
    app_uuid: str
    release: int
    intent: int
    epoch: int
    phase: Phase = "preparing"
    since: datetime
    image: str = ""
    port: int | None = None
    planned: tuple[Planned, ...] = ()
    routers: dict[str, str] = Field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    succeeded: datetime | None = None  # when it was first done
    reason: str = ""
    last_lines: tuple[str, ...] = ()
    waiting: str = Field("", description="what the present phase waits for, in plain words")

    @property
    def settled(self) -> bool:
        """Nothing more will happen for this intent."""
        return self.phase in {"done", "failed", "superseded"}
