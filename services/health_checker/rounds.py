"""The rounds: a course for each running instance of the node, and the routers' suspicions on their way to them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from prometheus_client import CollectorRegistry, Gauge

from libs.keyspace.records import Instance, Router
from libs.store.mirror import Mirror, Moved
from services.health_checker.course import Course
from services.health_checker.prober import Prober
from services.health_checker.suspicions import suspicions
from services.health_checker.target import Target, target_of
from services.health_checker.verdicts import Key, Verdicts


class Rounds:
    """Probes every running instance of the mirror while `run` runs.

    A target that changes (a new run, another address) is begun anew; one that ends is left alone, verdict included.
    """

    def __init__(
        self,
        *,
        instances: Mirror[Instance],
        routers: Mirror[Router],
        verdicts: Verdicts,
        prober: Prober,
        registry: CollectorRegistry,
    ) -> None:
        self._instances = instances
        self._routers = routers
        self._verdicts = verdicts
        self._prober = prober
        self._group: asyncio.TaskGroup | None = None
        self._courses: dict[Key, Course] = {}
        self._suspicions = suspicions(())
        targets = Gauge("deis_health_checker_targets", "Instances that are probed.", registry=registry)
        targets.set_function(lambda: len(self._courses))
        instances.on_change(self._moved)
        routers.on_change(self._heard)

    async def run(self) -> None:
        """Probe, for ever. Begin it when the instances and the recorded verdicts are listed."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                for parts, instance in self._instances.items():
                    self._aim(parts, target_of(instance))
                await asyncio.Event().wait()
            finally:
                self._group = None
                for course in self._courses.values():
                    course.end()

    def _moved(self, moves: Sequence[Moved[Instance]]) -> None:
        for move in moves:
            self._aim(move.parts, target_of(move.new) if move.new is not None else None)
            if move.new is None:
                self._verdicts.over(as_key(move.parts))

    def _heard(self, _: Sequence[Moved[Router]]) -> None:
        latest = suspicions(router for _, router in self._routers.items())
        if latest != self._suspicions:
            self._suspicions = latest
            for key, course in self._courses.items():
                course.suspect(latest.get(key[2]))

    def _aim(self, parts: tuple[str, ...], target: Target | None) -> None:
        """Probe this target, and no other, under this key."""
        if self._group is None:
            return
        key = as_key(parts)
        present = self._courses.get(key)
        if present is not None:
            if present.target == target:
                return
            del self._courses[key]
            present.end()
        if target is not None:
            group = self._group
            course = self._courses[key] = Course(
                target,
                self._verdicts.last(key),
                prober=self._prober,
                spawn=lambda work, name: group.create_task(work, name=name),
                tell=partial(self._verdicts.tell, key),
            )
            course.suspect(self._suspicions.get(key[2]))
            course.begin()


def as_key(parts: tuple[str, ...]) -> Key:
    """The components of an instance's key."""
    node, app, id_ = parts
    return node, app, id_
