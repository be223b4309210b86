from __future__ import annotations

from importlib.metadata import version

from prometheus_client import CollectorRegistry

from libs.daemon import Daemon, announcement


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
