"""The rounds: one task for each running instance, that probes it at its pace and tells the verdicts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from libs.keyspace.document import now
from libs.keyspace.records import Instance
from libs.store.mirror import Mirror, Moved
from services.health_checker.judgement import Judgement
from services.health_checker.pace import first_delay, next_time
from services.health_checker.probe import Outcome, Probe, probe_once
from services.health_checker.target import Target, target_of
from services.health_checker.verdicts import Key, Verdicts

log = structlog.get_logger("health_checker")


class Rounds:
    """Probes every running instance of the mirror while `run` runs, at most `in_flight` at a time.

    A target that changes (a new run, another address) is begun anew; one that ends is left alone, verdict included.
    """

    def __init__(  # noqa: PLR0913 - the composition root names each
        self,
        *,
        instances: Mirror[Instance],
        verdicts: Verdicts,
        probes: Mapping[str, Probe],
        in_flight: int,
        clock: Callable[[], float],
        registry: CollectorRegistry,
    ) -> None:
        self._instances = instances
        self._verdicts = verdicts
        self._probes = probes
        self._free = asyncio.Semaphore(in_flight)
        self._clock = clock
        self._group: asyncio.TaskGroup | None = None
        self._broken: set[str] = set()  # whose broken probe was logged
        self._tasks: dict[Key, tuple[Target, asyncio.Task[None]]] = {}
        outcomes = Counter("deis_health_checker_probes", "Probes by outcome.", ["outcome"], registry=registry)
        self._counts = {name: outcomes.labels(name) for name in ("passed", "failed", "fault")}
        self._targets = Gauge("deis_health_checker_targets", "Instances that are probed.", registry=registry)
        self._targets.set_function(lambda: len(self._tasks))
        instances.on_change(self._moved)

    async def run(self) -> None:
        """Probe, for ever. Begin it when the instances and the recorded verdicts are listed."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for parts, instance in self._instances.items():
                self._aim(parts, target_of(instance))
            await asyncio.Event().wait()

    def _moved(self, moves: Sequence[Moved[Instance]]) -> None:
        for move in moves:
            if self._group is not None:
                self._aim(move.parts, target_of(move.new) if move.new is not None else None)
            if move.new is None:
                self._verdicts.over(as_key(move.parts))

    def _aim(self, parts: tuple[str, ...], target: Target | None) -> None:
        """Probe this target, and no other, under this key."""
        key = as_key(parts)
        present = self._tasks.get(key)
        if present is not None and present[0] == target:
            return
        if present is not None:
            del self._tasks[key]
            present[1].cancel()
        if target is not None and self._group is not None:
            task = self._group.create_task(self._attend(key, target), name=f"probe {target.name}")
            self._tasks[key] = (target, task)

    async def _attend(self, key: Key, target: Target) -> None:
        """Probe one run of one instance, for ever."""
        judgement = Judgement(target, self._verdicts.last(key))
        await asyncio.sleep(first_delay(target.check, started=judgement.started, run=target.run, now=now()))
        first = None
        while True:
            async with self._free:
                began = self._clock()
                first = began if first is None else first
                outcome = await self._probe(target)
            verdict = judgement.hear(outcome, at=self._clock(), now=now())
            if verdict is not None:
                self._verdicts.tell(key, verdict)
            due = next_time(target.check, started=judgement.started, first=first, began=began)
            await asyncio.sleep(max(due - self._clock(), outcome.again or 0.0))

    async def _probe(self, target: Target) -> Outcome:
        try:
            outcome = await probe_once(self._probes, target)
        except Exception as error:
            if target.name not in self._broken:
                self._broken.add(target.name)
                log.exception("a probe broke", instance=target.name)
            outcome = Outcome(passed=False, reason=f"the probe broke: {type(error).__name__}", fault=True)
        self._counts["fault" if outcome.fault else "passed" if outcome.passed else "failed"].inc()
        return outcome


def as_key(parts: tuple[str, ...]) -> Key:
    """The components of an instance's key."""
    node, app, id_ = parts
    return node, app, id_
