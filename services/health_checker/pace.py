"""When the next probe is due. No I/O.

Until an instance has started, it is probed ever more slowly: the pause is a quarter of the time since the first probe,
from 20 ms up to 250 ms. So an app that comes up after 300 ms is seen at most 75 ms later, and a slow one costs four
probes a second. A refused connection is an answer of the kernel's and costs next to nothing.
"""

from __future__ import annotations

import random
from datetime import datetime

from libs.keyspace.records import Check

SHORTEST = 0.020  # seconds
LONGEST = 0.250
RESUME_WITHIN = 10.0  # seconds over which a restarted checker spreads its first probes


def first_delay(check: Check, *, started: bool, run: datetime | None, now: datetime) -> float:
    """Seconds until the first probe: what is left of the initial delay, or a spread for one that has started."""
    if started:
        return random.uniform(0, min(check.period_seconds, RESUME_WITHIN))
    passed = max((now - run).total_seconds(), 0.0) if run is not None else 0.0
    return max(check.initial_delay_seconds - passed, 0.0)


def next_delay(check: Check, *, started: bool, probing: float) -> float:
    """Seconds from the beginning of one probe to that of the next; `probing`: those since the first one of this run."""
    if not started:
        return min(max(probing / 4, SHORTEST), LONGEST)
    return check.period_seconds * random.uniform(0.9, 1.1)
