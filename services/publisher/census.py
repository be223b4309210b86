"""What the engine last said it has, as records."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from pydantic import ValidationError

from libs.engine import engine as seam
from libs.keyspace.records import Check, Instance

log = structlog.get_logger("publisher")

Key = tuple[str, str]  # app, instance id


def as_record(seen: seam.Instance, node: str) -> Instance:
    """An instance of the engine as its record; a check that cannot be read is left out (and said)."""
    identity = seen.identity
    try:
        check = Check.model_validate_json(seen.check) if seen.check else None
    except ValidationError as error:
        log.warning("this instance's check cannot be read", instance=seen.name, errors=error.error_count())
        check = None
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
        check=check,
        restarts=seen.restarts,
        exit_code=seen.exit_code,
        reason=seen.reason,
        started=seen.started,
        finished=seen.finished,
    )


class Census:
    """The engine's last complete answer; `instances` is None until there is one."""

    def __init__(self, node: str) -> None:
        self.instances: Mapping[Key, Instance] | None = None
        self.strangers: tuple[seam.Stranger, ...] = ()
        self._node = node
        self._known: dict[str, tuple[seam.Instance, Instance]] = {}

    def take(self, population: seam.Population) -> Mapping[Key, Instance]:
        """Make a complete answer of the engine the present census; strangers are said once."""
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
