"""An app's whole world in values: store, engine, agents, router and clock, moved one move at a time by a test.

The deployer in it is `plan` alone, with an executor that may crash between any two steps, and whose slow steps may be
done at once, later, or never.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from libs.engine import Identity, Image, Instance
from libs.keyspace import records as r
from services.controller.deployer.plan import plan
from services.controller.deployer.steps import (
    Fail,
    FlipBack,
    Forget,
    ForgetApp,
    Remove,
    ResolveImage,
    Retire,
    Start,
    Step,
    Stop,
    TellCrash,
    WriteRollout,
    busy_key,
)
from services.controller.deployer.view import Filed, Policy, Refusal, RouterWord, View

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
NODE = "node-1"

Manner = Literal["good", "crashing", "deaf", "missing"]
"""How a release behaves: its processes pass their check, exit at once, never pass it, or have no image."""


class Broken(AssertionError):
    """The deployer did what it must never do."""


@dataclass
class World:
    """Everything. `surge` is the operator's."""

    surge: float = 0.25
    now: datetime = EPOCH
    revision: int = 10
    epoch: int = 10
    app: r.App = field(init=False)
    app_revision: int = 10
    manners: dict[int, Manner] = field(default_factory=dict)
    rollouts: dict[int, Filed] = field(default_factory=dict)
    containers: dict[str, Instance] = field(default_factory=dict)  # by id
    used: set[str] = field(default_factory=set)  # ids that were removed: never again
    written: set[str] = field(default_factory=set)  # ids that were ever planned in a record
    health: dict[str, r.Health] = field(default_factory=dict)
    retiring: dict[str, tuple[str, r.Retiring]] = field(default_factory=dict)
    log_ends: dict[str, r.LogEnd] = field(default_factory=dict)
    views: dict[str, r.RouterView] = field(default_factory=dict)
    router_present: bool = True
    busy: dict[str, Step] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)
    tried: dict[str, datetime] = field(default_factory=dict)
    resolved: dict[int, Image] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    made: int = 0

    def __post_init__(self) -> None:
        self.app = r.App(id="shop", uuid=str(uuid.UUID(int=1)), owner="ann", created=EPOCH, updated=EPOCH)
        self.manners[1] = "good"

    # What the user does.

    def change(self, **fields: object) -> None:
        self.revision += 1
        self.app = self.app.changed(**fields)
        self.app_revision = self.revision

    def deploy(self, manner: Manner) -> None:
        number = self.app.latest + 1
        self.manners[number] = manner
        self.change(release=number, latest=number)

    # What the agents, the router and time do.

    def check(self, id_: str) -> None:
        instance = self.containers.get(id_)
        if instance is None or instance.state != "running":
            return
        passes = self.manners[instance.identity.release] == "good"
        before = self.health.get(id_)
        if before is None or before.run != instance.started or before.ready != passes:
            self.health[id_] = r.Health(
                started=passes, ready=passes, live=True, since=self.now, run=instance.started, reason="no answer"
            )

    def route(self) -> None:
        planned = {
            e.id for filed in self.rollouts.values() if not filed.document.settled for e in filed.document.planned
        }
        self.views = {}
        for id_ in planned | self.retiring.keys():
            if id_ in self.retiring:
                self.views[id_] = r.RouterView(state="gone")
            elif id_ in self.containers and self.ready(id_):
                self.views[id_] = r.RouterView(state="in_rotation")

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

    def vanish(self, id_: str) -> None:
        """Somebody removes the container; what was asked of it before that is answered first."""
        if f"instance/{id_}" in self.busy:
            self.answer(f"instance/{id_}")
        if self.containers.pop(id_, None) is None:
            return
        entries = (entry for filed in self.rollouts.values() for entry in filed.document.planned)
        if any(entry.id == id_ and entry.deadline is not None for entry in entries):  # else a later leader cannot know
            self._over(id_)

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

    # What the deployer does.

    def view(self) -> View:
        return View(
            now=self.now,
            epoch=self.epoch,
            policy=Policy(node=NODE, surge=self.surge),
            app=self.app,
            revision=self.app_revision,
            release=self._release(self.app.release),
            build=self._build(),
            rollouts=dict(self.rollouts),
            instances=tuple(self.containers.values()),
            nodes=dict.fromkeys(self.containers, NODE),
            health=dict(self.health),
            retiring=dict(self.retiring),
            log_ends=dict(self.log_ends),
            routers=(RouterWord("router-1", NODE, self.router_present, dict(self.views)),),
            busy=frozenset(self.busy),
            refused=dict(self.refused),
            tried=dict(self.tried),
            resolved=dict(self.resolved),
            told=frozenset(self.told),
        )

    def _release(self, number: int) -> r.Release:
        config = r.Config(uuid="c", owner="ann", values="", created=EPOCH)
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

    def fresh(self) -> str:
        self.made += 1
        return f"i{self.made}"

    def look(self, steps_before_crash: int | None = None, *, slowly: bool = False) -> int:
        """One look; a crash comes after so many steps, and forgets all that is not in the store. Returns the steps."""
        view = self.view()
        made = plan(view, self.fresh)
        for step in made.steps[:steps_before_crash]:
            if key := busy_key(step):
                self.busy[key] = step
                if not slowly:
                    self.answer(key)
            else:
                self.do(step)
        if steps_before_crash is not None:
            self.crash()
        return len(made.steps)

    def answer(self, key: str, *, lost: bool = False) -> None:
        """A slow step ends, or its request never arrived."""
        step = self.busy.pop(key)
        if not lost:
            self.do(step)

    def crash(self) -> None:
        """The leader is gone, and another one begins with the store alone."""
        self.busy, self.refused, self.tried, self.resolved, self.told = {}, {}, {}, {}, set()
        self.revision += 1
        self.epoch = self.revision

    def do(self, step: Step) -> None:  # noqa: C901, PLR0912 - one case a step
        match step:
            case WriteRollout(document, expect):
                self._write(document, expect)
            case Fail(document, expect):
                self._write(document, expect)
                self.refused = {}
            case ResolveImage(release):
                if self.manners[release] == "missing":
                    self.refused[f"image/{release}"] = Refusal("no such image", self.now)
                else:
                    self.resolved[release] = Image(f"sha256:{release}", ports=(8080,))
            case Start(release, planned):
                self._start(release, planned)
            case Retire(node, instance, reason, deadline):
                self._retire(node, instance, r.Retiring(reason=reason, since=self.now, deadline=deadline))
            case Stop(instance):
                if instance not in self.retiring:
                    raise Broken(f"{instance} is stopped and was not retiring")
                found = self.containers[instance]
                drained = found.port is None or self.views.get(instance) == r.RouterView(state="gone")
                if not drained and self.now < self.retiring[instance][1].deadline:
                    raise Broken(f"{instance} is stopped before it was drained")
                self.containers[instance] = replace(found, state="exited", finished=self.now, exit_code=0)
            case Remove(instance):
                if instance not in self.retiring or self.containers[instance].state == "running":
                    raise Broken(f"{instance} is removed")
                del self.containers[instance]
                self._over(instance)
            case Forget(_, instance):
                if instance in self.containers:
                    raise Broken(f"{instance} is forgotten and is there")
                self.retiring.pop(instance, None)
            case FlipBack(revision, _, release, formation):
                if revision == self.app_revision:
                    self.change(release=release, formation=formation)
            case TellCrash(instance):
                self.told.add(instance)
            case ForgetApp():
                if self.containers:
                    raise Broken("the app is forgotten and runs")

    def _write(self, document: r.Rollout, expect: int | None) -> None:
        filed = self.rollouts.get(document.release)
        if (filed.revision if filed else None) != expect:
            return
        if document.epoch != self.epoch:
            raise Broken(f"a write of epoch {document.epoch} in epoch {self.epoch}")
        self.revision += 1
        self.written |= {entry.id for entry in document.planned}
        self.rollouts[document.release] = Filed(r.Rollout.decode(document.encode()), self.revision)

    def _start(self, release: int, planned: r.Planned) -> None:
        if planned.id in self.used:
            raise Broken(f"{planned.id} is started again after it was removed")
        if planned.id not in self.written:
            raise Broken(f"{planned.id} is started and was never written down")
        found = self.containers.get(planned.id)
        if found is not None and found.state == "running":
            return
        identity = Identity(
            planned.id, "shop", self.app.uuid, planned.type, planned.number, release, planned.generation
        )
        self.containers[planned.id] = Instance(
            identity=identity,
            name=identity.name,
            state="running",
            port=8080 if planned.type == "web" else None,
            image=f"sha256:{release}",
            started=self.now,
            restarts=found.restarts if found else 0,
        )
        self.tried.setdefault(planned.id, self.now)
        if self.manners[release] == "crashing":
            self.exit(planned.id)

    def _retire(self, node: str, id_: str, record: r.Retiring) -> None:
        leaves = self.containers.get(id_)
        self.retiring.setdefault(id_, (node, record))
        if leaves is None or leaves.identity.release == self.app.release or not self.ready_before(id_):
            return
        type_ = leaves.identity.type
        if self.app.formation.get(type_, 0) == 0:
            return
        successors = [
            i
            for i in self.live().values()
            if i.identity.type == type_ and i.identity.release == self.app.release and self.ready(i.identity.id)
        ]
        entries = (entry for filed in self.rollouts.values() for entry in filed.document.planned)
        before = {entry.id for entry in entries if entry.established}
        routed = [i for i in successors if i.port is None or i.identity.id in self.views.keys() | before]
        if not routed:
            raise Broken(f"{leaves.name} retires before anything of v{self.app.release} serves {type_}")

    def ready_before(self, id_: str) -> bool:
        return id_ in self.containers and self.ready(id_)

    def live(self) -> dict[str, Instance]:
        return {id_: instance for id_, instance in self.containers.items() if id_ not in self.retiring}

    # Rest.

    def come_to_rest(self, turns: int = 400) -> None:
        """Everybody works, nothing fails by chance; ends when a look has no steps and no time changes that."""
        self.router_present = True
        quiet = 0
        for _ in range(turns):
            for key in list(self.busy):
                self.answer(key)
            for id_ in list(self.containers):
                self.check(id_)
            self.route()
            self.read_logs()
            steps = self.look()
            quiet = 0 if steps else quiet + 1
            self.pass_time(0.1 if quiet < 3 else 20.0)
            if quiet > 8:
                return
        raise Broken(f"no rest: {self.view()}")
