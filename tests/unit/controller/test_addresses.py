"""Where a request comes from, past the platform's own routers."""

from __future__ import annotations

import pytest

from services.controller.addresses import client_address, networks

HOSTS = {"10.0.0.5", "2001:db8::5"}
BALANCERS = networks("203.0.113.0/28, 2001:db8:ba::/48")


@pytest.mark.parametrize(
    "router", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.5", "::ffff:10.0.0.5", "2001:db8::5"]
)
def test_behind_a_router_it_is_what_the_router_saw(router: str) -> None:
    assert client_address(router, ["198.51.100.7"], HOSTS) == "198.51.100.7"


@pytest.mark.parametrize("peer", ["198.51.100.66", "10.0.0.6", "2001:db8::6"])
@pytest.mark.parametrize("header", ["127.0.0.1", "10.0.0.5", "1.2.3.4, 10.0.0.5"])
def test_whoever_is_no_router_counts_as_the_peer_whatever_the_header(peer: str, header: str) -> None:
    assert client_address(peer, [header], HOSTS, BALANCERS) == peer


@pytest.mark.parametrize("spoofed", [["1.2.3.4, 198.51.100.7"], ["1.2.3.4", "198.51.100.7"], ["junk, 198.51.100.7"]])
def test_what_a_client_wrote_itself_is_left_of_what_the_router_wrote(spoofed: list[str]) -> None:
    assert client_address("127.0.0.1", spoofed, HOSTS) == "198.51.100.7"
    assert client_address("127.0.0.1", spoofed, HOSTS, BALANCERS) == "198.51.100.7"


def test_a_balancer_that_the_operator_named_is_looked_past() -> None:
    through = ["1.2.3.4, 198.51.100.7, 203.0.113.9"]
    assert client_address("10.0.0.5", through, HOSTS) == "203.0.113.9"
    assert client_address("10.0.0.5", through, HOSTS, BALANCERS) == "198.51.100.7"
    assert client_address("10.0.0.5", ["203.0.113.9"], HOSTS, BALANCERS) == "203.0.113.9"
    assert client_address("10.0.0.5", ["junk, 203.0.113.9"], HOSTS, BALANCERS) == "203.0.113.9"


@pytest.mark.parametrize("header", [[], [""], ["unknown"], ["1.2.3.4, "], ["198.51.100.7:1234"]])
def test_without_an_address_it_is_the_peer(header: list[str]) -> None:
    assert client_address("127.0.0.1", header, HOSTS) == "127.0.0.1"


def test_one_client_has_one_spelling() -> None:
    assert client_address("127.0.0.1", ["2001:DB8:0:0::7"], HOSTS) == "2001:db8::7"
    assert client_address("127.0.0.1", ["::ffff:198.51.100.7"], HOSTS) == "198.51.100.7"
    assert client_address("fe80::1%eth0", [], HOSTS) == "fe80::1"


def test_a_peer_without_an_address_is_itself() -> None:
    assert client_address("", ["1.2.3.4"], HOSTS) == ""


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="not-a-network"):
        networks("10.0.0.0/8, not-a-network")
