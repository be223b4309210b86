"""What is seen on a node: written by its agents, and by the deployer where it asks them to withdraw."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from libs.keyspace.document import Document
from libs.keyspace.records.checks import Checks

EngineState = Literal["created", "running", "restarting", "exited", "dead"]

ROUTED_TYPES = frozenset({"web", "cmd"})  # the process types that have a port, as in v1


class Instance(Document):
    """One container as its node's engine has it, under `instances/<node>/<app>/<instance>`; by the publisher."""

    id: str
    name: str
    node: str
    app: str
    app_uuid: str
    type: str
    number: int
    release: int
    generation: int = 0
    state: EngineState
    address: str | None = None  # an IP address
    port: int | None = None
    checks: Checks | None = None
    memory: int | None = None  # its limit, bytes
    restarts: int = 0
    exit_code: int | None = None
    reason: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    once: bool = False  # a one-off run: no part of the app's formation


class Health(Document):
    """The checker's verdict, under `health/<node>/<app>/<instance>`; written on a transition, and when a router asks.

    `run` is the instance's `started` time that the verdict is about: one of an earlier run says nothing of this one.
    """

    started: bool
    ready: bool
    live: bool
    since: datetime
    run: datetime | None = None
    reason: str = ""  # why it is not ready
    live_reason: str = ""  # why it is not live
    probes: int = 0  # of startup and readiness, made of this run until this verdict
    before: str = ""  # of a ready one: why the last probe that failed before it did
    took_seconds: float | None = None  # of the probe that decided
    confirmed: datetime | None = None  # a pass that a router's suspicion asked for; not before its `since`


class Retiring(Document):
    """The deployer's word that an instance gets no new traffic, under `retiring/<node>/<app>/<instance>`."""

    reason: str
    since: datetime
    deadline: datetime  # for requests
    websocket_deadline: datetime | None = None  # None: the same


class Service(Document):
    """An address that the mesh may use, under `services/<app>/<instance>`; by the publisher."""

    app: str
    instance: str
    node: str
    type: str
    number: int
    release: int
    address: str
    port: int
    ready: bool
    published: datetime  # a newer claim of the same address evicts an older one
    run: datetime | None = None  # the instance's `started` that it was published for
    confirmed: datetime | None = None  # as in its verdict


class LogEnd(Document):
    """The log agent has read this stopped instance to its end, under `log_ends/<node>/<app>/<instance>`."""

    at: datetime
    finished: datetime | None = None  # the `finished` of the run it read to its end
