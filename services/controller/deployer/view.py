"""A frozen picture of one app: what is wanted, what was written down, what is seen. Plans are made from it alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from libs.engine import Image, Instance
from libs.keyspace.records import (
    App,
    Build,
    Checks,
    Health,
    LogEnd,
    Release,
    Retiring,
    Rollout,
    RouterView,
)
from services.controller.deployer.slots import surge

UP = frozenset({"running", "restarting"})  # an engine's states


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules that the operator sets; see `DeployerSettings`."""

    node: str  # where the engine's instances are while no record says it
    surge: float = 0.25
    default_port: int = 5000
    keep_stopped: timedelta = timedelta(seconds=60)
    retry: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Filed:
    """A rollout as the store has it, and the revision of its record."""

    document: Rollout
    revision: int


@dataclass(frozen=True, slots=True)
class RouterWord:
    """What a router said last. One that is away keeps its veto; see `routers`."""

    id: str
    node: str
    present: bool
    instances: Mapping[str, RouterView]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The engine's refusal of an image or an instance, in its words."""

    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Quotation:
    """The last lines of an instance that crashed; `about` is the crash, in its alarm's words."""

    about: str
    lines: tuple[str, ...]
    at: datetime


@dataclass(frozen=True)
class View:
    """One app. `instances` is from a complete answer of the engine, asked after our own last verb was answered."""

    now: datetime
    epoch: int
    policy: Policy
    app: App
    revision: int  # of the app's record
    release: Release | None = None  # the wanted one
    build: Build | None = None
    rollouts: Mapping[int, Filed] = field(default_factory=dict)
    instances: tuple[Instance, ...] = ()  # those of its formation
    runs: tuple[Instance, ...] = ()  # one-off ones: no rollout has to do with them; see `runs`
    nodes: Mapping[str, str] = field(default_factory=dict)  # by instance id, as the publishers wrote it
    health: Mapping[str, Health] = field(default_factory=dict)
    retiring: Mapping[str, tuple[str, Retiring]] = field(default_factory=dict)  # node and record by instance id
    log_ends: Mapping[str, LogEnd] = field(default_factory=dict)
    routers: tuple[RouterWord, ...] = ()
    busy: frozenset[str] = frozenset()  # see `steps.busy_key`
    refused: Mapping[str, Refusal] = field(default_factory=dict)  # by the same keys
    tried: Mapping[str, datetime] = field(default_factory=dict)  # by instance id: a start was answered
    resolved: Mapping[int, Image] = field(default_factory=dict)  # by release
    quoted: Mapping[str, Quotation] = field(default_factory=dict)  # by id of an instance that crashed
    alarmed: datetime | None = None  # when alarms were written last
    room: int | None = None  # bytes of memory that the node has free for instances; None: nobody knows

    @cached_property
    def here(self) -> dict[str, Instance]:
        """Every instance of the app's formation that the engine has, by id."""
        return {instance.identity.id: instance for instance in self.instances}

    @cached_property
    def live(self) -> dict[str, Instance]:
        """Those of them that are not on their way out."""
        return {id_: instance for id_, instance in self.here.items() if id_ not in self.retiring}

    def verdict(self, instance: Instance) -> Health | None:
        """The checker's word on the present run; None is unknown."""
        found = self.health.get(instance.identity.id)
        if found is None or instance.started is None or found.run != instance.started:
            return None
        return found

    def ready(self, instance: Instance) -> bool:
        """It runs, and its present run passes its check."""
        verdict = self.verdict(instance) if instance.state == "running" else None
        return verdict is not None and verdict.ready

    def unready(self, instance: Instance) -> bool:
        """It is known not to be ready; a missing verdict is not knowledge."""
        if instance.state != "running":
            return True
        verdict = self.verdict(instance)
        return verdict is not None and not verdict.ready

    def not_live(self, instance: Instance) -> str:
        """Why its present run is of no use any more, by the checker's word; empty: it is live, or nobody knows."""
        verdict = self.verdict(instance) if instance.state == "running" else None
        if verdict is None or verdict.live:
            return ""
        return verdict.live_reason or verdict.reason or "its liveness check failed"

    def suspected(self, instance: Instance) -> bool:
        """A router holds it out of rotation because it failed users' requests."""
        seen = (router.instances.get(instance.identity.id) for router in self.routers)
        return any(view is not None and view.state == "suspect" for view in seen)

    def without(self, instance: Instance) -> list[str]:
        """The routers that do not have it in rotation; a ported instance needs one router at the least."""
        if instance.port is None:
            return []
        if not self.routers:
            return ["a router (none is present)"]
        missing = []
        for router in self.routers:
            seen = router.instances.get(instance.identity.id)
            if seen is None or seen.state != "in_rotation":
                why = (
                    " (away)" if not router.present else " (it suspects it)" if seen and seen.state == "suspect" else ""
                )
                missing.append(f"router {router.id}{why}")
        return missing

    def surge(self, count: int) -> int:
        """How many of a type there may be beyond `count` while old ones are replaced; 0: in place."""
        return surge(count, self.policy.surge, self.app.settings.surge)

    def node_of(self, id_: str) -> str:
        """The node that the instance is on."""
        return self.nodes.get(id_, self.policy.node)


def apart(found: Iterable[Instance]) -> tuple[tuple[Instance, ...], tuple[Instance, ...]]:
    """An app's instances: those of its formation, and its one-off runs, whatever type they bear."""
    ordinary: list[Instance] = []
    runs: list[Instance] = []
    for instance in found:
        (runs if instance.once else ordinary).append(instance)
    return tuple(ordinary), tuple(runs)


def checks_of(instance: Instance) -> Checks:
    """The checks that an instance was started with; those that cannot be read are the default ones."""
    try:
        return Checks.model_validate_json(instance.checks) if instance.checks else Checks()
    except ValueError:
        return Checks()


def title(instance: Instance) -> str:
    """How people call it: `web.1`."""
    return f"{instance.identity.type}.{instance.identity.number}"
