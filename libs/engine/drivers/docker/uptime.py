"""A container's status in the words of the engine's list ("Up 3 minutes"): tells a new start without an inspection.

The list tells no start time. But its words can be foretold from the one that was last inspected: while they come true,
nothing happened in between.
"""

from __future__ import annotations

import math


def human(seconds: float) -> str:
    """A duration in Docker's words (`HumanDuration` of docker/go-units)."""
    whole, minutes, hours = int(seconds), int(seconds / 60), math.floor(seconds / 3600 + 0.5)
    steps = (
        (whole < 1, "Less than a second"),
        (whole == 1, "1 second"),
        (whole < 60, f"{whole} seconds"),
        (minutes == 1, "About a minute"),
        (minutes < 60, f"{minutes} minutes"),
        (hours == 1, "About an hour"),
        (hours < 48, f"{hours} hours"),
        (hours < 24 * 7 * 2, f"{hours // 24} days"),
        (hours < 24 * 30 * 2, f"{hours // 24 // 7} weeks"),
        (hours < 24 * 365 * 2, f"{hours // 24 // 30} months"),
    )
    return next((words for holds, words in steps if holds), f"{int(seconds / 3600) // 24 // 365} years")


def foretold(status: str, *, state: str, seconds: float, exit_code: int | None) -> bool:
    """Whether this status is what a container says that has been in this state for so long, give or take a second."""
    match state:
        case "running":
            words = "Up {}"
        case "exited":
            words = f"Exited ({exit_code}) {{}} ago"
        case _:
            return False
    return any(status == words.format(human(max(0.0, seconds + slack))) for slack in (0, -1, 1))
