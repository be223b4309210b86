"""How often a wrong password may be tried."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.controller.errors import Throttled
from services.controller.throttle import OF_ACCOUNT, OF_ADDRESS, Allowance, Throttle, neighbourhood


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(clock)


def fail(throttle: Throttle, times: int, account: str = "bob", address: str = "192.0.2.1") -> None:
    for _ in range(times):
        throttle.check(account, address)
        throttle.failed(account, address)


def test_an_account_bears_some_failures_and_then_one_a_period(throttle: Throttle, clock: Clock) -> None:
    burst, period = OF_ACCOUNT
    fail(throttle, burst)
    with pytest.raises(Throttled) as refused:
        throttle.check("bob", "198.51.100.7")
    assert refused.value.seconds == period
    clock.now += period
    fail(throttle, 1)
    with pytest.raises(Throttled):
        throttle.check("bob", "192.0.2.1")
    throttle.check("carol", "192.0.2.1")


def test_who_waits_as_long_as_told_may_try(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, OF_ACCOUNT[0])
    clock.now += 17.5
    with pytest.raises(Throttled) as refused:
        throttle.check("bob", "192.0.2.1")
    clock.now += refused.value.seconds
    throttle.check("bob", "192.0.2.1")


def test_an_address_bears_some_failures_whatever_the_names(throttle: Throttle) -> None:
    for number in range(OF_ADDRESS[0]):
        fail(throttle, 1, account=f"user{number}")
    with pytest.raises(Throttled):
        throttle.check("somebody else", "192.0.2.1")
    throttle.check("somebody else", "192.0.2.2")


def test_a_success_clears_the_account_and_not_the_address(throttle: Throttle) -> None:
    fail(throttle, OF_ACCOUNT[0])
    throttle.succeeded("bob")
    fail(throttle, OF_ACCOUNT[0])
    throttle.succeeded("bob")
    fail(throttle, OF_ADDRESS[0] - 2 * OF_ACCOUNT[0])
    throttle.succeeded("bob")
    with pytest.raises(Throttled):
        throttle.check("bob", "192.0.2.1")


def test_a_refused_attempt_does_not_lengthen_the_wait(throttle: Throttle, clock: Clock) -> None:
    fail(throttle, OF_ACCOUNT[0])
    for _ in range(100):
        with pytest.raises(Throttled):
            throttle.check("bob", "192.0.2.1")
    clock.now += OF_ACCOUNT[1]
    throttle.check("bob", "192.0.2.1")


def test_the_addresses_of_one_ipv6_site_are_one_client() -> None:
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff:2:3")
    assert neighbourhood("2001:db8::1") != neighbourhood("2001:db8:0:1::1")
    assert neighbourhood("192.0.2.1") != neighbourhood("192.0.2.2")
    assert neighbourhood("/run/a.sock") == "/run/a.sock"


def test_memory_is_bounded_and_the_oldest_goes() -> None:
    failures = Allowance(2, 60.0, room=100)
    for number in range(1000):
        failures.add(str(number).encode(), 0.0)
    assert len(failures) == 100
    failures.add(b"999", 0.0)
    assert failures.wait(b"999", 0.0) > 0
    assert failures.wait(b"0", 0.0) <= 0


def test_what_is_forgiven_takes_no_room() -> None:
    failures = Allowance(2, 60.0, room=100)
    for number in range(50):
        failures.add(str(number).encode(), 0.0)
    failures.add(b"later", 61.0)
    assert len(failures) == 1


@given(st.lists(st.tuples(st.floats(0, 50), st.booleans()), max_size=60))
def test_there_are_never_more_failures_than_the_bucket_holds(steps: list[tuple[float, bool]]) -> None:
    """Against a bucket of waiting failures of which one leaves each period."""
    burst, period = 3, 20.0
    failures, now = Allowance(burst, period), 0.0
    leaves: deque[float] = deque()  # when each failure is forgiven
    for pause, tries in steps:
        now += pause
        while leaves and leaves[0] <= now:
            leaves.popleft()
        assert (failures.wait(b"a", now) <= 1e-6) == (len(leaves) < burst) or abs(leaves[0] - now) < 1e-6
        if tries and failures.wait(b"a", now) <= 0:
            failures.add(b"a", now)
            leaves.append(max(leaves[-1] if leaves else now, now) + period)
