"""When the engine's runs ended and began: what an instance said about then may be lost, and no file of it tells that.

What the engine took from an instance and had not written yet when it was killed is nowhere. So each outage that a
reading comes over is told in the log. Known outages are kept in a small file, for lines that are read once more.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import structlog

from libs.daemon import files
from libs.engine import Logs

log = structlog.get_logger("log_agent")

MOST = 256  # outages that are kept apart; beyond them the two oldest become one
SAVE_NS = 60 * 10**9  # between two files that differ only in when the engine was seen


class Outage(NamedTuple):
    """Between two runs of the engine (ns): the old one was seen last at `since`, 0 for never; the new began `until`."""

    since: int
    until: int


class Outages:
    """Looks when the engine's present run began, and keeps in `path` what it saw. `now` is the time in ns."""

    def __init__(self, path: Path, logs: Logs, now: Callable[[], int] = time.time_ns) -> None:
        self._path = path
        self._logs = logs
        self._now = now
        self._known, self._began, self._seen = _load(path)
        self._saved = 0

    def look(self) -> tuple[Outage, ...]:
        """The outages up to now, the oldest first. Who opened an output asks behind that, before a line is taken."""
        began = self._logs.began()
        if began is None:
            return self._known
        changed = began != self._began
        if changed:
            # Where the clock was set back meanwhile, it is told once the clock has caught up.
            one = Outage(self._seen, max(began, self._seen))
            *known, last = sorted((*self._known, one), key=lambda outage: outage.until)
            if len(known) >= MOST:
                first, second, *rest = known
                known = [Outage(first.since, second.until), *rest]
            self._known, self._began = (*known, last), began
        self._seen = self._now()
        if changed or self._seen - self._saved >= SAVE_NS:
            self.save()
        return self._known

    def save(self) -> None:
        """Write the file, whole or not at all. A disk that does not take it is told, and tried again later."""
        self._saved = self._now()
        try:
            files.replace(self._path, json.dumps({"began": self._began, "seen": self._seen, "outages": self._known}))
        except OSError as error:
            log.warning("the outages' file cannot be written", path=str(self._path), error=str(error))


def _load(path: Path) -> tuple[tuple[Outage, ...], int, int]:
    try:
        held = json.loads(path.read_bytes())
        known = tuple(Outage(int(since), int(until)) for since, until in held["outages"])
        return known, int(held["began"]), int(held["seen"])
    except FileNotFoundError:
        return (), 0, 0
    except (ValueError, TypeError, KeyError, OSError) as error:
        log.warning("the outages' file is not readable; begins anew", path=str(path), error=str(error))
        return (), 0, 0
