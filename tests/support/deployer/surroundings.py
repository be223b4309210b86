"""An app's world in values: store, engine, agents, router and clock, moved one move at a time by a test."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from libs.engine import Identity, Image, Instance
from libs.keyspace import records as r
from services.controller.deployer.recipe import memory_bytes
from services.controller.deployer.steps import (
    Step,
)
from services.controller.deployer.view import Filed, Policy, Quotation, Refusal, View, apart
from tests.support.deployer.promises import UP, Promises
from tests.support.deployer.proxy import Proxy

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
NODE = "node-1"

Manner = Literal["good", "crashing", "deaf", "missing"]
"""How a release behaves: its processes pass their check, exit at once, never pass it, or have no image."""


@dataclass
class Surroundings:
    """Everything but the deployer. `surge` is the operator's."""

    surge: float = 0.25
    now: datetime = EPOCH
    revision: int = 10
    epoch: int = 10
    app: r.App = field(init=False)
    app_revision: int = 10
    manners: dict[int, Manner] = field(default_factory=dict)
    rollouts: dict[int, Filed] = field(default_factory=dict)
    containers: dict[str, Instance] = field(default_factory=dict)  # by id
    runs: dict[str, Instance] = field(default_factory=dict)  # one-off ones, by id: the engine has them as well
    used: set[str] = field(default_factory=set)  # ids that were removed: never again
    health: dict[str, r.Health] = field(default_factory=dict)
    retiring: dict[str, tuple[str, r.Retiring]] = field(default_factory=dict)
    log_ends: dict[str, r.LogEnd] = field(default_factory=dict)
    proxies: list[Proxy] = field(default_factory=lambda: [Proxy("router-1", NODE)])
    promises: Promises = field(default_factory=Promises)
    busy: dict[str, Step] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)
    tried: dict[str, datetime] = field(default_factory=dict)
    resolved: dict[int, Image] = field(default_factory=dict)
    quoted: dict[str, Quotation] = field(default_factory=dict)
    alarmed: datetime | None = None
    sick: set[str] = field(default_factory=set)  # instances that are not live
    memory: dict[str, str] = field(default_factory=dict)  # every release's limits, by type
    room: int | None = None  # bytes
    capacity: int | None = None  # bytes of the node, where `room` is what its instances leave of that
    deaf: set[str] = field(default_factory=set)  # instances that do not pass their check
    made: int = 0

    def __post_init__(self) -> None:
        self.app = r.App(id="shop", uuid=str(uuid.UUID(int=1)), owner="ann", created=EPOCH, updated=EPOCH)
        self.manners[1] = "good"

    # What the user does.

    def change(self, **fields: object) -> None:
        self.revision += 1
        if fields.keys() - {"settings"}:
            fields["updated"] = self.now + timedelta(microseconds=self.revision)
        self.app = self.app.changed(**fields)
        self.app_revision = self.revision
        self.promises.begin(self.serving())

    def deploy(self, manner: Manner) -> None:
        number = self.app.latest + 1
        self.manners[number] = manner
        self.change(release=number, latest=number)

    def cancel(self) -> None:
        """As the API does: back to where the rollout began, in one write."""
        number = self.app.release
        record = self.rollouts.get(number)
        back = record.document.fallback if record else None
        if back is None:
            succeeded = [n for n, filed in self.rollouts.items() if filed.document.succeeded and n < number]
            back = max(succeeded, default=1)
        self.change(release=back, cancelled=r.Cancelled(release=number, by="ann", at=self.now))

    def begin_run(self, type_: str, number: int, memory: int | None) -> None:
        """A one-off run, of any type and number: it could be taken for one of the formation."""
        self.made += 1
        identity = Identity(f"x{self.made}", "shop", self.app.uuid, type_, number, self.app.release)
        self.runs[identity.id] = Instance(
            identity=identity,
            name=identity.name,
            state="running",
            port=8080 if type_ == "web" else None,
            memory=memory,
            started=self.now,
            once=True,
            until=self.now + timedelta(seconds=1200),
        )

    def end_run(self, id_: str, code: int) -> None:
        """It ends, and stays until somebody removes it."""
        self.runs[id_] = replace(self.runs[id_], state="exited", exit_code=code, finished=self.now)

    # What the agents, the router and time do.

    def check(self, id_: str) -> None:
        instance = self.containers.get(id_)
        if instance is None or instance.state != "running":
            return
        passes, live = self.manners[instance.identity.release] == "good" and id_ not in self.deaf, id_ not in self.sick
        before = self.health.get(id_)
        if before is None or before.run != instance.started or (before.ready, before.live) != (passes, live):
            self.health[id_] = r.Health(
                started=passes or (before is not None and before.run == instance.started and before.started),
                ready=passes,
                live=live,
                since=self.now,
                run=instance.started,
                reason="no answer",
                live_reason="" if live else "it hangs",
            )

    def route(self) -> None:
        planned = {
            entry.id
            for filed in self.rollouts.values()
            for entry in filed.document.planned
            if entry.replaces or not filed.document.settled
        }
        ready = {id_ for id_, i in self.containers.items() if i.port is not None and self.ready(id_)}
        for proxy in self.proxies:
            for id_ in proxy.requests.keys() | proxy.websockets.keys() | proxy.suspects.keys():
                if id_ not in self.containers or self.containers[id_].state not in UP:
                    proxy.forget(id_)
            proxy.apply(ready, self.retiring, planned & ready)

    def answer_requests(self) -> None:
        """Every request in flight ends; WebSockets stay."""
        for proxy in self.proxies:
            proxy.requests.clear()

    def read_logs(self) -> None:
        for id_, instance in self.containers.items():
            if instance.state == "exited":
                self.log_ends[id_] = r.LogEnd(at=self.now, finished=instance.finished)

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def exit(self, id_: str) -> None:
        """Its process ends; the engine runs it again at once, as another run."""
        instance = self.containers[id_]
        if instance.state == "running":
            self.pass_time(0.001)
            self.containers[id_] = replace(
                instance, restarts=instance.restarts + 1, exit_code=1, started=self.now, reason="exited with code 1"
            )

    def stop_by_hand(self, id_: str) -> None:
        instance = self.containers[id_]
        self.containers[id_] = replace(instance, state="exited", finished=self.now, exit_code=0)

    def ready(self, id_: str) -> bool:
        instance, verdict = self.containers[id_], self.health.get(id_)
        return instance.state == "running" and verdict is not None and verdict.run == instance.started and verdict.ready

    def _over(self, id_: str) -> None:
        self.used.add(id_)
        self.health.pop(id_, None)
        self.log_ends.pop(id_, None)

    # What the deployer sees.

    def view(self) -> View:
        instances, runs = apart((*self.runs.values(), *self.containers.values()))
        return View(
            now=self.now,
            epoch=self.epoch,
            policy=Policy(node=NODE, surge=self.surge),
            app=self.app,
            revision=self.app_revision,
            release=self._release(self.app.release),
            build=self._build(),
            rollouts=dict(self.rollouts),
            instances=instances,
            runs=runs,
            nodes=dict.fromkeys(self.containers, NODE),
            health=dict(self.health),
            retiring=dict(self.retiring),
            log_ends=dict(self.log_ends),
            routers=tuple(proxy.word() for proxy in self.proxies),
            busy=frozenset(self.busy),
            refused=dict(self.refused),
            tried=dict(self.tried),
            resolved=dict(self.resolved),
            quoted=dict(self.quoted),
            alarmed=self.alarmed,
            room=self.free(),
        )

    def free(self) -> int | None:
        """Bytes of memory that the node has left."""
        if self.capacity is None:
            return self.room
        everybody = (*self.containers.values(), *self.runs.values())
        return self.capacity - sum(i.memory or 0 for i in everybody if i.state in UP)

    def _release(self, number: int) -> r.Release:
        config = r.Config(uuid="c", owner="ann", values="", memory=self.memory, created=EPOCH)
        build = None if number == 1 else f"b{number}"
        return r.Release(
            uuid="r", app="shop", owner="ann", number=number, summary="", build=build, config=config, created=EPOCH
        )

    def _build(self) -> r.Build | None:
        number = self.app.release
        if number == 1:
            return None
        procfile = {"web": "serve", "worker": "work"}
        return r.Build(uuid=f"b{number}", app="shop", owner="ann", image=f"i{number}", procfile=procfile, created=EPOCH)

    def _bytes(self, type_: str) -> int | None:
        limit = self.memory.get(type_)
        return memory_bytes(limit) if limit else None

    def _serves(self, id_: str) -> bool:
        """It is ready, and every router has it, or had it before and does not suspect it."""
        if id_ in self.retiring or id_ not in self.containers or not self.ready(id_):
            return False
        if self.containers[id_].port is None:
            return True
        return all(id_ in proxy.ever and id_ not in proxy.suspects for proxy in self.proxies)

    # What serves.

    def serving(self) -> dict[str, str]:
        """The type of each that serves, by id."""
        return {id_: i.identity.type for id_, i in self.containers.items() if self._serves(id_)}

    def live(self) -> dict[str, Instance]:
        return {id_: instance for id_, instance in self.containers.items() if id_ not in self.retiring}
