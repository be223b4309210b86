from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.keyspace.document import now
from libs.keyspace.records import Domain, MeshMember, Service
from services.router import picture
from services.router.actual import Server
from services.router.claims import Claims
from services.router.names import CONTROLLER, endpoint, is_address, is_host, is_name

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def service(instance: str, *, address: str = "", port: int = 5000, ready: bool = True, age: int = 0) -> Service:
    return Service(
        app="shop",
        instance=instance,
        node="node-1",
        type="web",
        number=1,
        release=1,
        address=address or f"10.0.0.{ord(instance[0])}",
        port=port,
        ready=ready,
        published=EPOCH - timedelta(seconds=age),
    )


def states(
    services: list[Service], retiring: frozenset[str] = frozenset(), suspects: frozenset[str] = frozenset()
) -> dict[str, str]:
    found = picture.app_servers({each.instance: each for each in services}, retiring, lambda *_: True, suspects)
    return {name: server.state for name, server in found.items()}


def test_unready_endpoints_wait_while_one_is_ready() -> None:
    assert states([service("a"), service("b", ready=False)]) == {"a": "ready", "b": "drain"}


def test_all_endpoints_are_used_when_none_is_ready() -> None:
    assert states([service("a", ready=False), service("b", ready=False)]) == {"a": "ready", "b": "ready"}


def test_a_suspect_waits_while_another_is_good_and_is_used_when_none_is() -> None:
    one, two, three = service("a"), service("b"), service("c", ready=False)
    assert states([one, two, three], suspects=frozenset("b")) == {"a": "ready", "b": "drain", "c": "drain"}
    assert states([one, two, three], suspects=frozenset("ab")) == {"a": "ready", "b": "ready", "c": "ready"}


def test_haproxy_watches_those_that_have_a_good_peer() -> None:
    def watched(*services: Service, suspects: str = "") -> set[str]:
        by_id = {each.instance: each for each in services}
        found = picture.app_servers(by_id, (), lambda *_: True, suspects)
        return {name for name, server in found.items() if server.watched}

    one, two, unready = service("a"), service("b"), service("c", ready=False)
    assert watched(one) == set()
    assert watched(one, unready) == set()
    assert watched(one, two, unready) == {"a", "b"}
    assert watched(one, two, suspects="b") == set()
    assert watched(one, two, suspects="ab") == set()


def test_a_retiring_endpoint_is_not_wanted_and_does_not_count_as_ready() -> None:
    assert states([service("a"), service("b", ready=False)], frozenset("a")) == {"b": "ready"}


@pytest.mark.parametrize(
    "address", ["10.0.0.1; disable frontend http", "host.test", "", "10.0.0.1 check", "fe80::1%lo"]
)
def test_an_address_that_is_none_is_not_wanted(address: str) -> None:
    assert states([service("a", address=address or " ")]) == {}


@given(st.text(max_size=20))
def test_what_passes_as_a_name_is_one_word_to_haproxy(text: str) -> None:
    if is_name(text) or is_host(text):
        assert not set(text) & set(" ;\t\r\n\\'\"#/{}")


def test_addresses_of_both_families_are_written_as_haproxy_reads_them() -> None:
    assert is_address("fd00::7")
    assert endpoint("fd00::7", 80) == "[fd00::7]:80"
    assert endpoint("10.0.0.1", 80) == "10.0.0.1:80"


def test_the_newest_claim_of_an_address_wins_over_every_app() -> None:
    claims = Claims()
    old, new = service("a", address="10.0.0.9", age=60), service("b", address="10.0.0.9")
    claims.move("shop", "a", None, old)
    assert claims.move("blog", "b", None, new) == {"shop", "blog"}
    assert not claims.holds("a", old)
    assert claims.holds("b", new)
    assert claims.move("blog", "b", new, None) == {"shop", "blog"}
    assert claims.holds("a", old)


def test_another_port_of_an_address_is_another_claim() -> None:
    claims = Claims()
    one, two = service("a", address="10.0.0.9", age=60), service("b", address="10.0.0.9", port=5001)
    claims.move("shop", "a", None, one)
    claims.move("shop", "b", None, two)
    assert claims.holds("a", one)
    assert claims.holds("b", two)


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.none() | st.tuples(st.integers(1, 3), st.integers(0, 9))), max_size=30
    )
)
def test_each_claimed_address_has_exactly_one_holder(moves: list[tuple[str, tuple[int, int] | None]]) -> None:
    claims, records = Claims(), dict[str, Service]()
    for instance, claim in moves:
        new = service(instance, address=f"10.0.0.{claim[0]}", age=claim[1]) if claim else None
        claims.move("shop", instance, records.pop(instance, None), new)
        if new is not None:
            records[instance] = new
    addresses = {record.address for record in records.values()}
    holders = [record.address for name, record in records.items() if claims.holds(name, record)]
    assert sorted(holders) == sorted(addresses)


def domain(app: str) -> Domain:
    return Domain(app=app, domain="x", owner="ann", created=EPOCH)


def test_an_apps_own_name_wins_over_a_users_domain_and_the_platforms_over_both() -> None:
    own = {"shop.test": "shop", "deis.test": "deis"}
    names = {"shop.test": domain("blog"), "deis.test": domain("blog"), "www.blog.test": domain("blog")}
    assert picture.hosts({"shop", "blog", "deis"}, names, own, "deis.test") == {
        "shop.test": "shop",
        "deis.test": CONTROLLER,
        "www.blog.test": "blog",
    }


def test_a_domain_of_no_app_and_a_host_that_is_none_are_left_out() -> None:
    names = {"a.test": domain("gone"), "b.test; show info": domain("shop")}
    assert picture.hosts({"shop"}, names, {}, "deis.test") == {"deis.test": CONTROLLER}


def member(url: str, *, ready: bool = True, sockets: str = "") -> MeshMember:
    return MeshMember(
        service="controller", id="c", node="node-1", url=url, sockets_url=sockets, ready=ready, started=now()
    )


def test_controllers_are_servers_by_their_announced_address() -> None:
    members = {
        "c1": member("http://10.0.0.1:8000"),
        "c2": member("http://localhost:8000", ready=False),
        "c3": member("http://name.test:8000"),
        "c4": member("http://10.0.0.4"),
    }
    assert picture.controller_servers(members) == {
        "c1": Server("10.0.0.1", 8000, "ready"),
        "c2": Server("127.0.0.1", 8000, "drain"),
    }


def test_loggers_are_servers_where_their_sockets_are_and_none_without() -> None:
    members = {
        "node-1": member("http://10.0.0.1:8088", sockets="ws://10.0.0.1:8089", ready=False),
        "node-2.test": member("http://10.0.0.2:8088", sockets="ws://[fd00::2]:8089"),
        "node-3": member("http://10.0.0.3:8088"),
        "node-4": member("http://10.0.0.4:8088", sockets="wss://10.0.0.4:8089"),
        "node-5": member("http://10.0.0.5:8088", sockets="ws://name.test:8089"),
        "node-6; show info": member("http://10.0.0.6:8088", sockets="ws://10.0.0.6:8089"),
    }
    assert picture.logger_servers(members) == {
        "node-1": Server("10.0.0.1", 8089, "ready"),
        "node-2.test": Server("fd00::2", 8089, "ready"),
    }
