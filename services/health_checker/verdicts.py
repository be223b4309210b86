"""The verdicts as they should be recorded, kept so in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import structlog

from libs.keyspace.records import Health, Instance
from libs.store.mirror import Mirror
from libs.store.owned import Owned

log = structlog.get_logger("health_checker")

Key = tuple[str, str, str]  # node, app, instance id

ORPHAN_SECONDS = 600.0  # how long a verdict without an instance is kept when nobody saw the instance's record go


class Verdicts:
    """What was judged, and which verdicts are over. A write that failed is made by the next `keep`."""

    def __init__(self, recorded: Owned[Health], instances: Mirror[Instance], clock: Callable[[], float]) -> None:
        self._recorded = recorded
        self._instances = instances
        self._clock = clock
        self._judged: dict[Key, Health] = {}
        self._over: set[Key] = set()
        self._orphans: dict[Key, float] = {}
        self._wake: Callable[[], None] = lambda: None

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call when there is something to `keep`."""
        self._wake = callback

    def last(self, key: Key) -> Health | None:
        """The last verdict on an instance, of whatever run."""
        return self._judged.get(key) or self._recorded.get(*key)

    def tell(self, key: Key, verdict: Health) -> None:
        """A new verdict."""
        log.info(
            "a verdict",
            app=key[1],
            instance=key[2],
            ready=verdict.ready,
            live=verdict.live,
            reason=verdict.live_reason or verdict.reason,
        )
        self._judged[key] = verdict
        self._wake()

    def over(self, key: Key) -> None:
        """The instance's record was deleted: so is the verdict."""
        self._judged.pop(key, None)
        self._over.add(key)
        self._wake()

    async def keep(self) -> None:
        """Write the verdicts that differ and delete those that are over; raises `StoreUnavailable`, `StaleRevision`."""
        self._over = self._without_instance(self._over)  # one that came back is not
        over = frozenset(self._over)
        await self._recorded.apply(self._judged.items(), over | self._abandoned())
        self._over -= over

    def _abandoned(self) -> set[Key]:
        """Verdicts that have had no instance for long, by a mirror that stood all the while."""
        if not self._instances.current:
            self._orphans.clear()
            return set()
        now = self._clock()
        orphans = self._without_instance(self._recorded.all())
        self._orphans = {key: self._orphans.get(key, now) for key in orphans}
        return {key for key, since in self._orphans.items() if now - since >= ORPHAN_SECONDS}

    def _without_instance(self, keys: Iterable[tuple[str, ...]]) -> set[Key]:
        return {(node, app, id_) for node, app, id_ in keys if self._instances.get(node, app, id_) is None}
