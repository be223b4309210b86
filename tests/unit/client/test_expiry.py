from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from libs.client.expiry import moment, remark

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-01-02T03:04:05UTC", "2026-01-02T03:04:05", "2026-01-02T03:04:05Z"])
def test_a_date_is_read_with_and_without_its_zone(text: str) -> None:
    assert moment(text) == NOW


@pytest.mark.parametrize("text", ["", "UTC", "soon", "2026-13-01T00:00:00UTC"])
def test_what_is_no_date_is_none_and_marks_nothing(text: str) -> None:
    assert moment(text) is None
    assert remark(text, NOW) == ""


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(days=365), ""),
        (timedelta(days=30, seconds=1), ""),
        (timedelta(days=30), "in 30 days"),
        (timedelta(days=2), "in 2 days"),
        (timedelta(days=1), "in 1 day"),
        (timedelta(hours=23), "within a day"),
        (timedelta(0), "expired"),
        (timedelta(days=-400), "expired"),
    ],
)
def test_the_last_thirty_days_are_told(left: timedelta, said: str) -> None:
    assert remark((NOW + left).strftime("%Y-%m-%dT%H:%M:%SUTC"), NOW) == said
