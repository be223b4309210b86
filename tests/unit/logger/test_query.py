"""What may be asked for, and what is refused with a word."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.logger.query import BadQuery, parse
from services.logger.ring import Query

NOW = datetime(2020, 1, 1, tzinfo=UTC)
SECONDS = 1_577_836_800


@pytest.mark.parametrize(
    ("parameters", "query"),
    [
        ({}, Query(lines=100)),
        ({"log_lines": ""}, Query(lines=100)),
        ({"log_lines": "0"}, Query(lines=0)),
        ({"log_lines": "7", "unknown": "x"}, Query(lines=7)),
        ({"log_lines": "9" * 400}, Query(lines=1_000_000)),
        ({"process": "web", "instance": "i", "release": "v3"}, Query(process="web", instance="i", release=3)),
        ({"release": "3"}, Query(release=3)),
        ({"since": "10m"}, Query(since=(SECONDS - 600) * 10**9)),
        ({"since": "999999999d"}, Query(since=0)),
        ({"since": "2020-01-01T00:00:01Z"}, Query(since=(SECONDS + 1) * 10**9)),
        ({"since": "2020-01-01T00:00:01.5"}, Query(since=(SECONDS + 1) * 10**9 + 5 * 10**8)),
        ({"since": "2020-01-01T02:00:00+02:00"}, Query(since=SECONDS * 10**9)),
    ],
)
def test_parameters_make_a_query(parameters: dict[str, str], query: Query) -> None:
    assert parse(parameters, now=NOW) == query


@pytest.mark.parametrize(
    ("name", "value"),
    [("log_lines", "ten"), ("log_lines", "-1"), ("log_lines", "٣"), ("release", "latest"), ("since", "yesterday")],
)
def test_a_value_that_cannot_be_read_is_named(name: str, value: str) -> None:
    with pytest.raises(BadQuery, match=f"{name} is '{value}'; it must be"):
        parse({name: value}, now=NOW)


@given(st.dictionaries(st.sampled_from(["log_lines", "release", "since", "process"]), st.text(max_size=30)))
def test_whatever_is_asked_is_a_query_or_a_bad_one(parameters: dict[str, str]) -> None:
    try:
        assert parse(parameters, now=NOW).lines >= 0
    except BadQuery:
        assert parameters
