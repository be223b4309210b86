"""Which stopped instances were read to their end, and the records that say so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from libs.keyspace.document import now
from libs.keyspace.records import Instance, LogEnd
from libs.store.mirror import Mirror
from libs.store.shelf import Shelf

ENDED = frozenset({"exited", "dead"})  # states in which an instance says no more


class Ends:
    """Keeps `log_ends/<node>/…` true. `changed` is called when there is something to tell.

    A record stands only while its instance is stopped as it was when it was read: one that runs again loses it.
    """

    def __init__(
        self,
        node: str,
        *,
        instances: Mirror[Instance],
        told: Mirror[LogEnd],
        shelf: Shelf[LogEnd],
        changed: Callable[[], None],
    ) -> None:
        self._node = node
        self._instances = instances
        self._told = told
        self._shelf = shelf
        self._changed = changed
        self._read: dict[str, datetime | None] = {}  # by instance id, the `finished` of the run that was read

    def read(self, instance: Instance) -> None:
        """All that this instance said up to its present end has arrived at the logger."""
        self._read[instance.id] = instance.finished
        self._changed()

    def told(self, instance: Instance) -> bool:
        """Whether a record says so of the instance as it is now."""
        end = self._told.get(self._node, instance.app, instance.id)
        return end is not None and _holds(end, instance)

    async def tell(self) -> None:
        """Write what is read and not told, delete what is told and no more so. While a mirror is in doubt: nothing."""
        mirrors = (self._instances, self._told)
        if not all(mirror.complete and mirror.current for mirror in mirrors):
            return
        present = dict(self._instances.items(self._node))
        for parts, end in self._told.items(self._node):
            if not _holds(end, present.get(parts)):
                await self._shelf.delete(*parts)
        for parts, instance in present.items():
            if not self._was_read(instance):
                continue
            written = self._told.get(*parts)
            if written is None or not _holds(written, instance):
                await self._shelf.put(LogEnd(at=now(), finished=instance.finished), *parts)
        ids = {instance.id for instance in present.values()}
        self._read = {id_: finished for id_, finished in self._read.items() if id_ in ids}

    def _was_read(self, instance: Instance) -> bool:
        """Whether an instance is stopped, and was read after it stopped."""
        return instance.state in ENDED and instance.id in self._read and self._read[instance.id] == instance.finished


def _holds(end: LogEnd, instance: Instance | None) -> bool:
    """Whether an end is that of the instance as it is now."""
    return instance is not None and instance.state in ENDED and instance.finished == end.finished
