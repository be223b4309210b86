"""The networks behind this host's bridges, where engines have their containers."""

from __future__ import annotations

import socket
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from services.logger.drains import bridges as module
from services.logger.drains.bridges import Bridges, bridge_networks, is_inner_bridge
from services.logger.drains.way import Forbidden, Way


def address(text: str, netmask: str | None, family: int = socket.AF_INET) -> SimpleNamespace:
    return SimpleNamespace(family=family, address=text, netmask=netmask)


@pytest.fixture
def interfaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with an engine's bridge, one that a device is a port of, and one upon a VLAN."""
    for name in ("docker0", "br-lan", "br-vlan"):
        (tmp_path / name / "bridge").mkdir(parents=True)
        (tmp_path / name / "brif").mkdir()
    for bridge, port, mark in (
        ("docker0", "veth1", "carrier"),
        ("br-lan", "eth1", "device"),
        ("br-vlan", "eth2.7", "lower_eth2"),
    ):
        (tmp_path / port / mark).mkdir(parents=True)
        (tmp_path / bridge / "brif" / port).touch()
    (tmp_path / "eth0" / "device").mkdir(parents=True)
    found = {
        "docker0": [
            address("172.17.0.1", "255.255.0.0"),
            address("fd00:17::1", "ffff:ffff:ffff:ffff::", socket.AF_INET6),
            address("fe80::1%docker0", "ffff:ffff:ffff:ffff::", socket.AF_INET6),
            address("02:42:00:00:00:01", None, psutil.AF_LINK),
        ],
        "br-lan": [address("10.1.0.1", "255.255.0.0")],
        "br-vlan": [address("10.2.0.1", "255.255.0.0")],
        "eth0": [address("10.3.0.1", "255.255.255.0")],
    }
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: found)
    return tmp_path


def test_networks_of_inner_bridges_are_found_and_those_that_lead_out_are_left(interfaces: Path) -> None:
    assert {str(network) for network in bridge_networks(interfaces)} == {"172.17.0.0/16", "fd00:17::/64", "fe80::/64"}
    assert not is_inner_bridge(interfaces / "nowhere")


def test_containers_beside_the_router_are_refused(interfaces: Path) -> None:
    way = Way(bridges=Bridges(interfaces))
    for container in ("172.17.0.9", "::ffff:172.17.0.9", "64:ff9b::ac11:9", "fd00:17::9"):
        with pytest.raises(Forbidden, match="an app is reached by its URL"):
            way.check(container, 8080)
    for elsewhere in ("172.18.0.9", "10.1.0.9", "10.2.0.9", "10.3.0.9", "fd00:18::9"):
        way.check(elsewhere, 8080)
    Way(inward=True, bridges=Bridges(interfaces)).check("172.17.0.9", 8080)


def test_a_network_that_the_engine_makes_later_is_found(interfaces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bridges = Bridges(interfaces)
    monkeypatch.setattr(module, "KEPT_SECONDS", float("inf"))
    before = bridges()
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: {"docker0": [address("172.30.0.1", "255.255.255.0")]})
    assert bridges() == before
    monkeypatch.setattr(module, "KEPT_SECONDS", 0.0)
    assert bridges() == (ip_network("172.30.0.0/24"),)
