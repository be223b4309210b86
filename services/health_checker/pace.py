"""When the next probe is due. No I/O; seconds of one clock.

Until an instance has come up, it is probed ever more slowly: the pause is a quarter of the time since the first probe,
from 20 ms up to 250 ms. So an app that comes up after 300 ms is seen at most 75 ms later, and a slow one costs four
probes a second. A refused connection is an answer of the kernel's and costs next to nothing; a command is a process in
the container, and is run every 250 ms from the beginning. One that is long overdue is probed ever more slowly again, up
to its period; so is one that a router suspects, after some seconds at four probes a second.
"""

from __future__ import annotations

import math
import random
from datetime import datetime

from libs.keyspace.records import Check

SHORTEST = 0.020  # seconds
LONGEST = 0.250
PATIENCE = 120.0  # seconds; twice the startup limit that apps have by default
EASE = 40.0  # a pause that grows is so much shorter than the time that it grew in
GRID = 0.1
SOONEST_PERIOD = 0.9  # of a period is the shortest pause that jitter makes of it; the longest is as much above one
SPREAD = 10.0  # seconds over which first probes that nobody waits for are spread
FAULT_PAUSE = 1.0  # seconds after a fault of ours, at least


def budget(check: Check) -> float:
    """Seconds from the beginning of a run within which a startup check has to pass."""
    return check.initial_delay_seconds + check.period_seconds * check.failure_threshold


def initial_delay(check: Check, run: datetime | None, now: datetime) -> float:
    """Seconds that are left of a check's initial delay, which counts from the beginning of the run."""
    passed = max((now - run).total_seconds(), 0.0) if run is not None else 0.0
    return max(check.initial_delay_seconds - passed, 0.0)


def spread(check: Check) -> float:
    """A first pause for one that nobody waits for: many that begin together shall not go on together."""
    return random.uniform(0, min(check.period_seconds, SPREAD))


def coming_up(check: Check, *, first: float, began: float) -> float:
    """When one that is not up yet is due again; `first` is when it was first probed, `began` when it was last."""
    patience = max(PATIENCE, 2 * budget(check))
    shortest = LONGEST if check.exec is not None else SHORTEST
    pause = min(max((began - first) / 4, shortest), LONGEST)
    return began + pause + _eased(check, began - first - patience)


def suspected(check: Check, *, first: float, began: float) -> float:
    """When one that a router suspects is due again; `first` is when that was heard."""
    return began + min(LONGEST + _eased(check, began - first - SPREAD), check.period_seconds)


def in_period(check: Check, *, began: float) -> float:
    """When one that is up is due again: at the user's period, with some jitter, on a common grid.

    Many instances are then looked at in one wake-up of the process, which is most of what a probe costs.
    """
    due = began + check.period_seconds * random.uniform(SOONEST_PERIOD, 2 - SOONEST_PERIOD)
    return math.ceil(due / GRID) * GRID if check.period_seconds >= 10 * GRID else due


def _eased(check: Check, over: float) -> float:
    """What a pause of `LONGEST` has grown by after so many seconds too many; it grows to the period."""
    return min(max(over, 0.0) / EASE, max(check.period_seconds - LONGEST, 0.0))
