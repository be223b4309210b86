"""When a certificate ends, in words for a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

SOON = timedelta(days=30)


def moment(text: str) -> datetime | None:
    """The API's date, `2027-01-02T03:04:05UTC` or without its end; None for what is none."""
    try:
        found = datetime.fromisoformat(text.removesuffix("UTC"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def remark(expires: str, now: datetime) -> str:
    """`in 12 days`, `tomorrow` …, or `expired`; empty where there is time, or where the date cannot be read."""
    end = moment(expires)
    if end is None or end - now > SOON:
        return ""
    if end <= now:
        return "expired"
    days = (end - now).days
    return "within a day" if days < 1 else f"in {days} day{'' if days == 1 else 's'}"
