from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.keyspace.records import Build
from services.controller.deployer.slots import surge, wanted_counts, wanted_numbers

NUMBERS = st.frozensets(st.integers(1, 30), max_size=12)


def build(**procfile: str) -> Build:
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    return Build(uuid="b", app="shop", owner="ann", image="shop", procfile=procfile, created=moment)


@pytest.mark.parametrize(
    ("count", "taken", "numbers"),
    [
        (2, (), (1, 2)),
        (3, (1, 3), (1, 3, 4)),  # a gap stays a gap, as in v1
        (1, (2, 5), (2,)),  # the highest go first
        (0, (1, 2), ()),
        (4, (7,), (7, 8, 9, 10)),
    ],
)
def test_numbers_fill_from_the_highest_and_end_from_the_highest(
    count: int, taken: tuple[int, ...], numbers: tuple[int, ...]
) -> None:
    assert wanted_numbers(count, taken) == numbers


@given(count=st.integers(0, 20), taken=NUMBERS)
def test_numbers_are_as_many_as_wanted_each_once_and_those_there_first(count: int, taken: frozenset[int]) -> None:
    numbers = wanted_numbers(count, taken)
    assert len(set(numbers)) == len(numbers) == count
    assert set(numbers) & taken == set(sorted(taken)[:count])
    assert wanted_numbers(count, numbers) == numbers


@pytest.mark.parametrize(("count", "extra"), [(1, 1), (2, 1), (4, 1), (5, 2), (8, 2), (100, 25)])
def test_the_surge_is_one_or_a_quarter_the_larger(count: int, extra: int) -> None:
    assert surge(count, 0.25) == extra


@pytest.mark.parametrize(
    ("setting", "count", "extra"),
    [("0", 4, 0), ("0%", 4, 0), ("2", 1, 2), ("50%", 3, 2), ("25%", 1, 1), ("100%", 7, 7), (None, 8, 2)],
)
def test_the_apps_own_surge_is_a_number_or_a_percentage_rounded_up(setting: str | None, count: int, extra: int) -> None:
    assert surge(count, 0.25, setting) == extra


@given(count=st.integers(0, 20), taken=NUMBERS, serving=NUMBERS)
def test_where_some_must_go_those_that_do_not_serve_go_first(
    count: int, taken: frozenset[int], serving: frozenset[int]
) -> None:
    numbers = wanted_numbers(count, taken, serving)
    assert len(set(numbers)) == len(numbers) == count
    assert len(serving & taken & set(numbers)) == min(count, len(serving & taken))


def test_types_that_the_build_does_not_know_are_left_out() -> None:
    assert wanted_counts({"web": 2, "worker": 1, "clock": 0}, build(web="serve", clock="tick")) == {"web": 2}
