from __future__ import annotations

from importlib.metadata import version

import pytest
from prometheus_client import CollectorRegistry

from libs.daemon import Daemon, announcement, url_at


def test_a_daemon_announces_itself_by_its_own_name_and_version() -> None:
    daemon = Daemon("logger", CollectorRegistry(), admin_url="http://10.0.0.1:9103")
    member = announcement(daemon, id_="n1", node="n1", url="http://10.0.0.1:8088")
    assert (member.service, member.id, member.node) == ("logger", "n1", "n1")
    assert (member.url, member.admin_url) == ("http://10.0.0.1:8088", "http://10.0.0.1:9103")
    assert member.version == version("deis")
    assert member.ready


def test_a_daemon_that_serves_nothing_else_is_reached_at_its_probes() -> None:
    daemon = Daemon("publisher", CollectorRegistry(), admin_url="http://10.0.0.1:9105")
    assert announcement(daemon, id_="n1", node="n1").url == "http://10.0.0.1:9105"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("::1", "http://[::1]:80"),
        ("0.0.0.0", "http://10.0.0.1:80"),
        ("::", "http://10.0.0.1:80"),
        ("", "http://10.0.0.1:80"),
    ],
)
def test_what_listens_on_one_address_is_reached_there_and_what_listens_on_all_at_the_nodes(host: str, url: str) -> None:
    assert url_at(host, 80, node_address="10.0.0.1") == url


def test_an_ipv6_address_of_a_node_stands_in_brackets() -> None:
    assert url_at("0.0.0.0", 80, node_address="fd00::1") == "http://[fd00::1]:80"
