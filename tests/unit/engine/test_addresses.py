from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from libs.engine import AddressesExhausted
from libs.engine.addresses import Ledger, Pool, take

SUBNET = IPv4Network("10.1.2.0/27")
POOL = Pool(SUBNET, gateway=IPv4Address("10.1.2.1"), promised=IPv4Network("10.1.2.28/30"))
addresses = st.sampled_from(list(SUBNET))


def given_out(count: int, ledger: Ledger, taken: Iterable[IPv4Address] = ()) -> list[str]:
    found = []
    for _ in range(count):
        address, ledger = take(POOL, ledger, set(taken), now=0)
        found.append(str(address))
    return found


def test_the_ends_the_gateway_and_the_engines_own_range_are_never_given() -> None:
    mine = [address for address in SUBNET if address in POOL]
    assert (str(mine[0]), str(mine[-1]), len(mine)) == ("10.1.2.2", "10.1.2.27", 26)


def test_the_search_goes_on_from_the_last_one_even_if_earlier_ones_are_free() -> None:
    assert given_out(3, Ledger()) == ["10.1.2.2", "10.1.2.3", "10.1.2.4"]
    assert given_out(2, Ledger(IPv4Address("10.1.2.26"))) == ["10.1.2.27", "10.1.2.2"]


def test_without_a_memory_the_search_begins_behind_the_highest_taken() -> None:
    assert given_out(1, Ledger(), [IPv4Address("10.1.2.9"), IPv4Address("10.1.2.5")]) == ["10.1.2.10"]


def test_a_last_one_of_another_subnet_is_forgotten() -> None:
    assert given_out(1, Ledger(IPv4Address("192.168.0.9"))) == ["10.1.2.2"]


def test_a_freed_address_is_given_again_only_after_its_quarantine() -> None:
    tiny = Pool(IPv4Network("10.1.2.0/30"))
    ledger = Ledger().freed(IPv4Address("10.1.2.1"), until=100)
    first, ledger = take(tiny, ledger, set(), now=50)
    assert str(first) == "10.1.2.2"
    with pytest.raises(AddressesExhausted, match=r"10\.1\.2\.0/30"):
        take(tiny, ledger, {first}, now=99)
    again, _ = take(tiny, ledger, {first}, now=100)
    assert str(again) == "10.1.2.1"


def test_a_longer_quarantine_is_not_cut_short() -> None:
    address = IPv4Address("10.1.2.5")
    assert Ledger().freed(address, until=100).freed(address, until=50).resting[address] == 100


@given(
    last=st.none() | addresses,
    taken=st.sets(addresses),
    resting=st.dictionaries(addresses, st.floats(0, 100)),
    now=st.floats(0, 100),
)
def test_what_is_taken_is_free_rested_and_of_the_pool(
    last: IPv4Address | None, taken: set[IPv4Address], resting: dict[IPv4Address, float], now: float
) -> None:
    free = {a for a in SUBNET if a in POOL and a not in taken and resting.get(a, -1) <= now}
    try:
        address, ledger = take(POOL, Ledger(last, resting), taken, now=now)
    except AddressesExhausted:
        assert not free
    else:
        assert address in free
        assert ledger.last == address
        assert all(until > now for until in ledger.resting.values())


class Lives(RuleBasedStateMachine):
    """Instances come and go; nobody has another's address, nor one that rests."""

    QUARANTINE = 10.0

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.ledger = Ledger()
        self.living: list[IPv4Address] = []
        self.freed: dict[IPv4Address, float] = {}

    @rule()
    def start(self) -> None:
        try:
            address, self.ledger = take(POOL, self.ledger, set(self.living), now=self.now)
        except AddressesExhausted:
            resting = {a for a, at in self.freed.items() if at + self.QUARANTINE > self.now}
            assert {a for a in SUBNET if a in POOL} <= set(self.living) | resting
            return
        assert self.freed.get(address, -self.QUARANTINE) + self.QUARANTINE <= self.now
        self.living.append(address)

    @precondition(lambda self: self.living)
    @rule(which=st.integers(0, 100))
    def end(self, which: int) -> None:
        address = self.living.pop(which % len(self.living))
        self.ledger = self.ledger.freed(address, until=self.now + self.QUARANTINE)
        self.freed[address] = self.now

    @rule(seconds=st.floats(0, 20))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def forget(self) -> None:
        """The file is lost: quarantines too, and only the living are sure."""
        self.ledger, self.freed = Ledger(), {}

    @invariant()
    def nobody_shares(self) -> None:
        assert len(set(self.living)) == len(self.living)


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
