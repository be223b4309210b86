from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest

from libs.engine.drivers.docker.network import NetworkRefused, promised_range, read_pool, read_routes

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


def test_routes_are_read_without_the_default_one() -> None:
    assert [str(route) for route in read_routes(ROUTES)] == ["192.0.2.0/24", "172.17.0.0/16"]


def test_the_engine_keeps_the_last_sixteenth_of_a_subnet_and_nothing_of_a_small_one() -> None:
    assert str(promised_range(IPv4Network("10.210.0.0/16"))) == "10.210.240.0/20"
    assert promised_range(IPv4Network("10.210.0.0/28")) is None


def test_a_pool_is_read_from_the_first_ipv4_subnet() -> None:
    configs = [{"Subnet": "fd00::/64"}, {"Subnet": "10.9.0.0/24", "Gateway": "10.9.0.1", "IPRange": "10.9.0.240/28"}]
    pool = read_pool({"Name": "deis-x", "IPAM": {"Config": configs}})
    assert pool.gateway == IPv4Address("10.9.0.1")
    assert IPv4Address("10.9.0.239") in pool
    assert IPv4Address("10.9.0.240") not in pool


@pytest.mark.parametrize("ipam", [{}, {"Config": None}, {"Config": [{"Subnet": "fd00::/64"}]}])
def test_a_network_without_ipv4_is_refused(ipam: dict[str, object]) -> None:
    with pytest.raises(NetworkRefused, match="deis-x"):
        read_pool({"Name": "deis-x", "IPAM": ipam})
