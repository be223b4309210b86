"""What a request for lines asks: v1's `log_lines`, and filters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from libs.loglines import nanoseconds
from services.logger.ring import Query

DEFAULT_LINES = 100  # as in v1
MOST_LINES = 1_000_000
_RELEASE = re.compile(r"v?([0-9]{1,9})")
_AGO = re.compile(r"([0-9]{1,9})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class BadQuery(ValueError):
    """A parameter that cannot be read; the message says what would be right."""


def parse(parameters: Mapping[str, str], *, now: datetime) -> Query:
    """The query; raises `BadQuery`. Unknown parameters mean nothing."""
    return Query(
        lines=_lines(parameters.get("log_lines", "")),
        process=parameters.get("process") or None,
        instance=parameters.get("instance") or None,
        release=_release(parameters.get("release", "")),
        since=_since(parameters.get("since", ""), now),
    )


def _lines(text: str) -> int:
    if not text:
        return DEFAULT_LINES
    if not (text.isascii() and text.isdigit()):
        raise BadQuery(f"log_lines is {text!r}; it must be a number of lines, 0 or more")
    return min(int(text[:10]), MOST_LINES)


def _release(text: str) -> int | None:
    if not text:
        return None
    if match := _RELEASE.fullmatch(text):
        return int(match[1])
    raise BadQuery(f"release is {text!r}; it must be a release as v3 or 3")


def _since(text: str, now: datetime) -> int:
    """A time in ns: an age (`90s`, `10m`, `2h`, `1d`) or an RFC 3339 time."""
    if not text:
        return 0
    if match := _AGO.fullmatch(text):
        return max(nanoseconds(now) - int(match[1]) * _UNITS[match[2]] * 1_000_000_000, 0)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadQuery(f"since is {text!r}; it must be an age as 10m or a time as 2015-01-31T23:59:59Z") from error
    return max(nanoseconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC)), 0)
