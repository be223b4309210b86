from __future__ import annotations

from tests.support.counting import Counted, spans

A, B = "0f9c2d3e-0000-4000-8000-000000000001", "0f9c2d3e-0000-4000-8000-000000000002"


def lines(run: str, *numbers: int, end: int | None = None) -> list[str]:
    said = [f"2026-01-31T23:59:59UTC shop[web.1]: {run} says {number}" for number in numbers]
    return said if end is None else [*said, f"2026-01-31T23:59:59UTC shop[web.1]: {run} ends after {end}"]


def test_each_number_once_and_in_order_is_right_whatever_stands_between() -> None:
    counted = Counted.of([*lines(A, 1, 2), "shop[deis]: ada says 7", *lines(B, 1), *lines(A, 3, end=3)])
    assert counted.said == {A: [1, 2, 3], B: [1]}
    assert counted.wrong() == []


def test_a_hole_a_double_a_wrong_order_and_a_lost_end_are_told() -> None:
    for numbers in ((1, 3), (1, 2, 2, 3), (2, 1, 3), (1, 2)):
        assert Counted.of(lines(A, *numbers, end=3)).wrong() == [f"{A}: {spans(numbers)} of 1 to 3"]
    assert Counted.of(lines(A, end=2)).wrong() == [f"{A}: none of 1 to 2"]


def test_a_late_begin_is_right_for_who_began_late() -> None:
    counted = Counted.of(lines(A, 5, 6))
    assert counted.wrong(begun=False) == []
    assert counted.wrong() == [f"{A}: 5-6 of 1 to 6"]
