"""What the engine last said it has, as records."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import structlog
from pydantic import ValidationError

from libs.engine import engine as seam
from libs.keyspace.records import Checks, Instance

log = structlog.get_logger("publisher")

Key = tuple[str, str]  # app, instance id


def as_record(seen: seam.Instance, node: str) -> Instance:
    """An instance of the engine as its record; checks that cannot be read are left out (and said)."""
    identity = seen.identity
    try:
        checks = Checks.model_validate_json(seen.checks) if seen.checks else None
    except ValidationError as error:
        log.warning("this instance's checks cannot be read", instance=seen.name, errors=error.error_count())
        checks = None
    return Instance(
        id=identity.id,
        name=seen.name,
        node=node,
        app=identity.app,
        app_uuid=identity.app_uuid,
        type=identity.type,
        number=identity.number,
        release=identity.release,
        generation=identity.generation,
        state=seen.state,
        address=seen.address,
        port=seen.port,
        checks=checks,
        memory=seen.memory,
        restarts=seen.restarts,
        exit_code=seen.exit_code,
        reason=seen.reason,
        started=seen.started,
        finished=seen.finished,
        once=seen.once,
    )


class Census:
    """The engine's last complete answer; `instances` is None until there is one."""

    def __init__(self, node: str) -> None:
        self.instances: Mapping[Key, Instance] | None = None
        self.strangers: tuple[seam.Stranger, ...] = ()
        self._node = node
        self._known: dict[str, tuple[seam.Instance, Instance]] = {}
        self._ended: dict[Key, datetime] = {}

    @property
    def ended(self) -> frozenset[Key]:
        """Instances whose present run is over by the engine's own word, although no look has shown it yet."""
        return frozenset(self._ended)

    def hear(self, event: seam.EngineEvent) -> None:
        """An event of the engine."""
        _, record = self._known.get(event.name, (None, None))
        if event.ended is not None and record is not None and (record.started is None or record.started < event.ended):
            self._ended[record.app, record.id] = event.ended

    async def look(self, engine: seam.Engine) -> Mapping[Key, Instance]:
        """Ask the engine, and take its answer for the present census. Raises `EngineUnavailable`."""
        heard = dict(self._ended)
        seen = self._take(await engine.instances())
        for key, at in heard.items():  # what was heard while it answered may be news to the answer
            if self._ended.get(key) == at:
                del self._ended[key]
        return seen

    def _take(self, population: seam.Population) -> Mapping[Key, Instance]:
        known: dict[str, tuple[seam.Instance, Instance]] = {}
        for seen in population.instances:
            before = self._known.get(seen.name)
            same = before is not None and before[0] == seen
            known[seen.name] = before if before is not None and same else (seen, as_record(seen, self._node))
        for stranger in sorted(set(population.strangers) - set(self.strangers), key=lambda one: one.name):
            log.warning("a container is not ours to read; it is left alone", name=stranger.name, reason=stranger.reason)
        self._known = known
        self.strangers = population.strangers
        self.instances = {(record.app, record.id): record for _, record in known.values()}
        return self.instances
