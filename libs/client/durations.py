"""Times as a user types them: `90`, `90s`, `5m`."""

from __future__ import annotations

import re

from libs.client.errors import BadArgument

DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h)?", re.ASCII)
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def parse_seconds(text: str, name: str) -> int | float:
    """Seconds, whole where they are; `BadArgument` says which `name` was given what."""
    found = DURATION.fullmatch(text.strip())
    if not found:
        raise BadArgument(
            f'"{name}={text}" is no time: seconds are, or a number with ms, s, m or h, as in 90, 90s or 5m'
        )
    return whole(round(float(found[1]) * UNITS[found[2] or "s"], 6))


def whole(number: float) -> int | float:
    """The number, as an int where it is one."""
    return int(number) if number == int(number) else number
