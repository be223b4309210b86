"""Where the agent stood with each instance when the logger last answered for it; a small file in its home.

Only for a logger that knows nothing: it tells what the one before had. Losing it costs lines sent again, at most.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

import structlog

from libs.daemon import files
from services.log_agent.position import BadPosition, Position

log = structlog.get_logger("log_agent")


class Cursors:
    """Positions by instance id, kept in `path`; in memory they are always exact."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._positions = _load(path)
        self._saved = dict(self._positions)

    def get(self, instance: str) -> Position | None:
        """Where it stood."""
        text = self._positions.get(instance)
        try:
            return Position.decode(text) if text else None
        except BadPosition:
            return None

    def set(self, instance: str, position: str) -> None:
        """It stands there now."""
        self._positions[instance] = position

    def forget(self, instance: str) -> None:
        """The instance is gone."""
        self._positions.pop(instance, None)

    def forget_others(self, instances: Collection[str]) -> None:
        """All but these are gone: some went while nobody followed them."""
        self._positions = {id_: position for id_, position in self._positions.items() if id_ in instances}

    def save(self) -> None:
        """Write the file, whole or not at all, if something changed."""
        if self._positions == self._saved:
            return
        files.replace(self._path, json.dumps(self._positions))
        self._saved = dict(self._positions)


def _load(path: Path) -> dict[str, str]:
    try:
        held = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        log.warning("the cursors' file is not readable; lines will be sent again", path=str(path), error=str(error))
        return {}
    if not isinstance(held, dict):
        return {}
    return {key: value for key, value in held.items() if isinstance(value, str)}
