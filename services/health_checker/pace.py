"""When the next probe is due. No I/O.

Until an instance has started, it is probed ever more slowly: the pause is a quarter of the time since the first probe,
from 20 ms up to 250 ms. So an app that comes up after 300 ms is seen at most 75 ms later, and a slow one costs four
probes a second. A refused connection is an answer of the kernel's and costs next to nothing.
"""

from __future__ import annotations

import math
import random
from datetime import datetime

from libs.keyspace.records import Check

SHORTEST = 0.020  # seconds
LONGEST = 0.250
GRID = 0.1
RESUME_WITHIN = 10.0  # seconds over which a restarted checker spreads its first probes


def first_delay(check: Check, *, started: bool, run: datetime | None, now: datetime) -> float:
    """Seconds until the first probe: what is left of the initial delay, or a spread for one that has started."""
    if started:
        return random.uniform(0, min(check.period_seconds, RESUME_WITHIN))
    passed = max((now - run).total_seconds(), 0.0) if run is not None else 0.0
    return max(check.initial_delay_seconds - passed, 0.0)


def next_time(check: Check, *, started: bool, first: float, began: float) -> float:
    """When the probe after the one of `began` is due; `first` is when this run was first probed. Seconds of one clock.

    Once it has started the user's period holds, with some jitter, on a common grid: many instances are then looked at
    in one wake-up of the process, which is most of what a probe costs.
    """
    if not started:
        return began + min(max((began - first) / 4, SHORTEST), LONGEST)
    due = began + check.period_seconds * random.uniform(0.9, 1.1)
    return math.ceil(due / GRID) * GRID if check.period_seconds >= 10 * GRID else due
