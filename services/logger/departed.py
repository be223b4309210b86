"""Which apps are gone, and since when."""

from __future__ import annotations

from collections.abc import Iterable


class Departed:
    """Tells which rings may go: those of apps that were absent at every look for `patience` seconds."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._since: dict[str, float] = {}

    def look(self, rings: Iterable[str], apps: Iterable[str], *, at: float) -> list[str]:
        """The uuids of rings to let go of. `apps` must be a complete and current answer; `at` is the loop's clock."""
        absent = set(rings) - set(apps)
        self._since = {uuid: self._since.get(uuid, at) for uuid in absent}
        return sorted(uuid for uuid, since in self._since.items() if at - since >= self._patience)
