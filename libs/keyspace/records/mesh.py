"""Who is there: leased records, gone with the process that wrote them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from libs.keyspace.document import Document, Part


class Node(Document):
    """A machine that runs instances, under `nodes/<node>` (leased)."""

    address: str
    cpus: float
    memory: int  # bytes
    reserved: int = 0  # bytes
    tags: dict[str, str] = Field(default_factory=dict)


class RouterView(Part):
    """What one router does with one instance.

    `suspect`: it failed users' requests there (a refused connection, no answer in time) and is out of rotation until
    its check has passed after `since`, which is later than every `Service.confirmed` that the router had seen.
    """

    state: Literal["in_rotation", "draining", "gone", "suspect"]
    in_flight: int = 0  # requests and WebSockets
    websockets: int = 0  # of these
    since: datetime | None = None  # of a suspicion
    reason: str = ""  # of a suspicion


class Router(Document):
    """A router's word by instance id, for running rollouts and retiring ones, under `routers/<id>` (leased)."""

    node: str
    instances: dict[str, RouterView] = Field(default_factory=dict)
    applied: datetime


class MeshMember(Document):
    """A daemon that others may reach, under `mesh/<service>/<id>` (leased). `vault_keys` are ids, of `libs.vault`."""

    service: str
    id: str
    node: str
    url: str  # where it serves what it serves
    sockets_url: str = ""  # where its WebSockets are (ws:// or wss://), where they are elsewhere
    admin_url: str = ""  # where its probes and metrics are
    version: str = ""
    ready: bool = True
    vault_keys: tuple[str, ...] = ()
    started: datetime


class Leader(Document):
    """Who leads, under `leaders/<role>` (leased). Its epoch is the revision at which the key was created."""

    id: str
    node: str
    since: datetime
