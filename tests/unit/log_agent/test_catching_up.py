"""When an open output is left for what is stored, and when it is followed again."""

from __future__ import annotations

import pytest

from services.log_agent.catching_up import LATE, LITTLE, MUCH, SECOND, CatchingUp

BEGIN = 1_700_000_000_000_000_000


class Clock:
    def __init__(self) -> None:
        self.at = BEGIN

    def __call__(self) -> int:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_reader_that_keeps_up_follows(clock: Clock) -> None:
    pace = CatchingUp(clock)
    pace.begins()
    for _ in range(1000):
        clock.at += SECOND // 10
        assert not pace.took(MUCH // 20, clock.at)
    assert not pace.ended()
    assert pace.following


def test_one_that_is_late_reads_rounds_until_one_was_short(clock: Clock) -> None:
    pace = CatchingUp(clock)
    pace.begins()
    assert pace.took(1, clock.at - LATE - 1)
    assert not pace.following
    for _ in range(3):
        pace.begins()
        assert not pace.took(LITTLE, clock.at - 100 * LATE)
        assert pace.ended()
        assert not pace.following
    pace.begins()
    assert not pace.took(LITTLE - 1, clock.at)
    assert pace.ended()
    assert pace.following


def test_one_that_reads_much_in_a_second_is_at_risk_though_not_late(clock: Clock) -> None:
    pace = CatchingUp(clock)
    pace.begins()
    assert not pace.took(MUCH, clock.at)
    assert pace.took(1, clock.at)
    assert not pace.following


def test_a_stream_that_is_doubted_is_followed_again_after_a_round(clock: Clock) -> None:
    pace = CatchingUp(clock)
    pace.begins()
    pace.doubts()
    assert not pace.following
    pace.begins()
    assert pace.ended()
    assert pace.following
