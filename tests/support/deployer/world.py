"""An app's whole world in values, with the deployer in it.

The deployer is `plan` alone, with an executor that may crash between any two steps, and whose slow steps may be
done at once, later, or never.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from libs.engine import Identity, Image, Instance
from libs.keyspace import records as r
from services.controller.deployer.alarms import former
from services.controller.deployer.intentions import Plan
from services.controller.deployer.plan import plan
from services.controller.deployer.relevant import relevant
from services.controller.deployer.steps import (
    Fail,
    FlipBack,
    Forget,
    ForgetApp,
    Happening,
    Quote,
    Remove,
    ResolveImage,
    Retire,
    Start,
    Step,
    Stop,
    WriteRollout,
    busy_key,
)
from services.controller.deployer.tidings import tidings
from services.controller.deployer.view import Filed, Quotation, Refusal, View
from services.controller.outlines import outline
from tests.support.deployer.promises import UP, Broken, Crowd, may_stop, surge_of, wanted
from tests.support.deployer.surroundings import NODE, Manner, Surroundings

__all__ = ["NODE", "Manner", "World"]


@dataclass
class World(Surroundings):
    """Everything."""

    written: set[str] = field(default_factory=set)  # ids that were ever planned in a record
    steps_left: int | None = None  # the leader crashes after so many steps more
    last_words: tuple[str, ...] = ("its last words",)  # of every instance
    told: list[Happening] = field(default_factory=list)  # the app's events
    seen: View | None = None  # what the deployer looked at last

    def vanish(self, id_: str) -> None:
        """Somebody removes the container; what was asked of it before that is answered first."""
        if f"instance/{id_}" in self.busy:
            self.answer(f"instance/{id_}")
        if self.containers.pop(id_, None) is None:
            return
        entries = (entry for filed in self.rollouts.values() for entry in filed.document.planned)
        if any(entry.id == id_ and entry.deadline is not None for entry in entries):  # else a later leader cannot know
            self._over(id_)

    def fresh(self) -> str:
        self.made += 1
        return f"i{self.made}"

    def look(self, steps_before_crash: int | None = None, *, slowly: bool = False) -> int:
        """One look; a crash comes after so many steps, and forgets all that is not in the store. Returns the steps."""
        self.promises.befell(self.serving())
        view = self.seen = self.view()
        made = self._plan(view)
        for step in made.steps[:steps_before_crash]:
            if self.steps_left is not None:
                if self.steps_left == 0:
                    self.steps_left = None
                    self.crash()
                    break
                self.steps_left -= 1
            if isinstance(step, Stop):
                self._check_stop(step)
            if key := busy_key(step):
                self.busy[key] = step
                if not slowly:
                    self.answer(key)
            else:
                self.do(step)
        if steps_before_crash is not None:
            self.crash()
        self.promises.last = self.serving()
        return len(made.steps)

    def _plan(self, view: View) -> Plan:
        """The plan from what the deployer has at hand; the same as from all records."""
        known = {number: outline(filed.document) for number, filed in view.rollouts.items()}
        numbers = relevant(
            known,
            view.app,
            since=(view.revision, view.epoch),
            ids={*view.here, *view.retiring, *self.tried, *self.quoted, *(key.rpartition("/")[2] for key in self.busy)},
            releases={instance.identity.release for instance in view.instances},
        )
        before = self.made
        whole = plan(view, self.fresh)
        self.made = before
        made = plan(replace(view, rollouts={number: view.rollouts[number] for number in numbers}), self.fresh)
        assert made == whole
        return made

    def answer(self, key: str, *, lost: bool = False) -> None:
        """A slow step ends, or its request never arrived."""
        step = self.busy.pop(key)
        if not lost:
            self.do(step)

    def crash(self) -> None:
        """The leader is gone, and another one begins with the store alone."""
        self.busy, self.refused, self.tried, self.resolved, self.quoted = {}, {}, {}, {}, {}
        self.alarmed = None
        self.revision += 1
        self.epoch = self.revision

    def do(self, step: Step) -> None:  # noqa: C901, PLR0912 - one case a step
        if isinstance(step, Retire | Stop | Remove | Quote | Forget) and step.instance in self.runs:
            raise Broken(f"{step} is about a one-off run")
        match step:
            case WriteRollout(document, expect, happening):
                self._write(document, expect, happening)
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
            case Retire(node, instance, reason, deadline, websockets):
                record = r.Retiring(reason=reason, since=self.now, deadline=deadline, websocket_deadline=websockets)
                self._retire(node, instance, record)
            case Stop(instance):
                found = self.containers[instance]
                self.containers[instance] = replace(found, state="exited", finished=self.now, exit_code=0)
                for proxy in self.proxies:
                    proxy.forget(instance)
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
            case Quote(instance, _, about):
                self.quoted[instance] = Quotation(about, self.last_words, self.now)
            case ForgetApp():
                if self.containers or self.runs:
                    raise Broken("the app is forgotten and runs")

    def _write(self, document: r.Rollout, expect: int | None, happening: Happening | None = None) -> None:
        filed = self.rollouts.get(document.release)
        if (filed.revision if filed else None) != expect:
            return
        if document.epoch != self.epoch:
            raise Broken(f"a write of epoch {document.epoch} in epoch {self.epoch}")
        if document.release == self.app.release:
            self._check_new(document, filed.document if filed else None)
        if document.alarms != former(self.seen or self.view()):
            self.alarmed = self.now
        self.told += [*tidings(self.seen or self.view(), document), *([happening] if happening else [])]
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
            memory=self._bytes(planned.type),
        )
        self.tried.setdefault(planned.id, self.now)
        if self.manners[release] == "crashing":
            self.exit(planned.id)

    def _check_stop(self, step: Stop) -> None:
        id_ = step.instance
        if id_ not in self.retiring:
            raise Broken(f"{id_} is stopped and was not retiring")
        if self.containers[id_].port is None:
            return
        if not may_stop(self.retiring[id_][1], id_, self.proxies, self.now):
            raise Broken(f"{id_} is stopped before it was drained")

    def _check_new(self, document: r.Rollout, before: r.Rollout | None) -> None:
        """What is planned anew is within the bounds."""
        known = {entry.id for entry in before.planned} if before else set()
        new = [entry for entry in document.planned if entry.id not in known and entry.id not in self.containers]
        counts = wanted(self.app.formation, self._build())
        settings = self.app.settings
        for type_ in {entry.type for entry in new if not entry.replaces and not entry.established}:
            count = counts.get(type_, 0)
            crowd = Crowd(
                [entry for entry in document.planned if entry.type == type_ and self._is_current(entry)],
                [i for i in self.containers.values() if i.identity.type == type_ and i.state in UP],
                {id_: record for id_, (_, record) in self.retiring.items()},
                self.proxies,
                self.now,
            )
            counted = crowd.check(type_, count, surge_of(settings, count, self.surge))
            need, room = self._bytes(type_), self.free()
            beyond = min(sum(entry.type == type_ for entry in new), counted - count)
            if need and room is not None and need * beyond > max(0, room):
                raise Broken(f"a surge of {type_} needs {need} bytes, where {room} are free")
        coming = [
            entry
            for entry in document.planned
            if not (entry.established or entry.id in self.retiring or self._serves(entry.id))
            and self._is_current(entry)
        ]
        if settings.parallel is not None and len(coming) > settings.parallel and any(e.id not in known for e in coming):
            raise Broken(f"{len(coming)} are on their way up, where {settings.parallel} may be")

    def _is_current(self, entry: r.Planned) -> bool:
        """It is to be there: not to be restarted, nor one that only keeps its number for a successor."""
        gone = entry.deadline is not None and entry.id not in self.containers
        over = gone or entry.id in self.used or entry.id in self.retiring
        return not over and entry.generation >= self.app.generation(entry.type, entry.number)

    def _retire(self, node: str, id_: str, record: r.Retiring) -> None:
        leaves, fresh = self.containers.get(id_), id_ not in self.retiring
        self.retiring.setdefault(id_, (node, record))
        if leaves is not None and fresh:
            counts = wanted(self.app.formation, self._build())
            self.promises.retired(leaves, record.reason, self.serving(), counts)

    def come_to_rest(self, turns: int = 400) -> None:
        """Everybody works, nothing fails by chance; ends when a look has no steps and no time changes that."""
        for proxy in self.proxies:
            proxy.present = True
            proxy.suspects.clear()
        quiet = 0
        for _ in range(turns):
            for key in list(self.busy):
                self.answer(key)
            for id_ in list(self.containers):
                self.check(id_)
            self.answer_requests()
            self.route()
            self.read_logs()
            steps = self.look()
            quiet = 0 if steps else quiet + 1
            self.pass_time(0.1 if quiet < 3 else 20.0)
            if quiet > 8 and not self.retiring:
                return
        raise Broken(f"no rest: {self.view()}")
