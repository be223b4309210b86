"""How a drain fares, of what each logger says of it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from libs.keyspace.records import DrainState
from services.controller.shapes import Shape, date


def summed(states: Mapping[str, DrainState], loggers: Collection[str]) -> Shape | None:
    """One state of those by logger; None where there is none yet.

    What was sent and dropped counts of every logger there ever was. What waits and what fails is told by those of the
    `loggers` that are there now: others have handed their apps on. While none is there, the last words of all count.
    """
    if not states:
        return None
    present = [state for logger, state in states.items() if logger in loggers] or [*states.values()]
    failing = [state for state in present if state.failing is not None]
    words = max(failing, key=lambda state: state.updated, default=None)
    behind = [state.until for state in present if state.waiting]
    until = min(behind) if behind else max(state.until for state in states.values())
    return {
        "sent": sum(state.sent for state in states.values()),
        "dropped": sum(state.dropped for state in states.values()),
        "waiting": sum(state.waiting for state in present),
        "until": _moment(until),
        "error": words.error if words is not None else "",
        "failing": date(min(state.failing for state in failing if state.failing)) if failing else None,
    }


def _moment(nanoseconds: int) -> str | None:
    """A time in ns as the API writes times; None for 0, which is none, and for what no calendar has."""
    try:
        return date(datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)) if nanoseconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None
