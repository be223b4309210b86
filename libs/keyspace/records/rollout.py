"""One release on its way: all that a new leader needs to take over."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from libs.keyspace.document import Document, Part

Phase = Literal["preparing", "starting", "routing", "retiring", "done", "failed", "superseded", "cancelled"]
SETTLED: frozenset[Phase] = frozenset({"done", "failed", "superseded", "cancelled"})


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
    replaces: str = ""  # the id of the instance that was not live, while this one has not taken its place yet
    strikes: int = 0  # how many in a row in this slot were replaced so; each waits longer than the last


class Evidence(Part):
    """One phase that is over: how long it took and what it waited for."""

    phase: str
    began: datetime
    ended: datetime
    note: str = ""


class RouterEvidence(Part):
    """What a router said of an instance, and when that was seen."""

    routed: datetime | None = None  # in rotation
    withdrawn: datetime | None = None  # draining or gone
    gone: datetime | None = None


class InstanceEvidence(Part):
    """The course of one instance in a rollout: when each fact was first seen, and what was found.

    Of an instance that came: planned … routed. Of one that left: retired … stopped, with what was in flight at its
    stop. Of some that were there before, only the second half.
    """

    title: str  # `web.1`
    release: int
    node: str = ""
    planned: datetime | None = None
    started: datetime | None = None  # its container runs
    ready: datetime | None = None
    routed: datetime | None = None  # in rotation in every router
    probes: int = 0  # until it was ready, or failed
    took_seconds: float | None = None  # of the probe that passed
    probe: str = ""  # why the last probe that failed did
    routers: dict[str, RouterEvidence] = Field(default_factory=dict)
    reason: str = ""  # why it was retired
    retired: datetime | None = None
    drained: datetime | None = None  # by every router's word
    in_flight: int | None = None  # when it was told to stop; None: no router's word was there
    websockets: int | None = None  # of these
    stopped: datetime | None = None


class Alarm(Part):
    """Something wrong with what runs, for as long as it is."""

    kind: Literal["crashed", "unready", "not_live"]
    about: str  # `web.1`, or `web` where it concerns all of a type
    since: datetime
    message: str
    last_lines: tuple[str, ...] = ()


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
    asked: datetime | None = None  # when the change that it acts on was asked for
    fallback: int | None = None  # the release that had a ready instance when it began: where a failure goes back to
    in_place: str = Field("", description="why instances are replaced one at a time in place; empty: they are not")
    evidence: tuple[Evidence, ...] = ()
    instances: dict[str, InstanceEvidence] = Field(default_factory=dict)  # by id; of large apps not all
    alarms: dict[str, Alarm] = Field(default_factory=dict)  # by instance id, or process type
    succeeded: datetime | None = None  # when it was first done
    reason: str = ""
    last_lines: tuple[str, ...] = ()
    waiting: str = Field("", description="what the present phase waits for, in plain words")

    @property
    def settled(self) -> bool:
        """Nothing more will happen for this intent."""
        return self.phase in SETTLED
