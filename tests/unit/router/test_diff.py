from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.router.actual import Actual, Server, State
from services.router.commands import AddServer, Command, DropTimeout, SetState, SetTimeout, SetUp, SetWatch
from services.router.diff import diff_hosts, diff_servers, diff_timeout

NAMES = st.sampled_from(["a", "b", "c", "d"])
PORTS = st.integers(5000, 5003)


def pictures(
    *states: State, watched: tuple[bool | None, ...], up: tuple[bool, ...]
) -> st.SearchStrategy[dict[str, Server]]:
    server = st.builds(
        Server,
        st.just("10.0.0.1"),
        PORTS,
        st.sampled_from(states),
        watched=st.sampled_from(watched),
        up=st.sampled_from(up),
    )
    return st.dictionaries(NAMES, server)


WANTED = pictures("ready", "drain", watched=(False, True), up=(True,))
ACTUAL = pictures("ready", "drain", "maint", watched=(None, False, True), up=(True, False))


def steps(actual: dict[str, Server], commands: list[Command]) -> list[dict[str, Server]]:
    """HAProxy's back end before, between and after the commands."""
    haproxy = Actual(servers={"app0": dict(actual)} if actual else {})
    seen = [dict(actual)]
    for command in commands:
        haproxy.apply(command)
        seen.append(dict(haproxy.servers.get("app0", {})))
    return seen


@given(WANTED, ACTUAL)
def test_afterwards_what_is_wanted_is_there_and_nothing_else_gets_traffic(
    wanted: dict[str, Server], actual: dict[str, Server]
) -> None:
    after = steps(actual, diff_servers("app0", wanted, actual))[-1]
    for name, server in wanted.items():
        had = actual.get(name, server)
        watched = None if had.watched is None else server.watched
        up = had.up or not server.watched  # of those that it watches HAProxy itself says so
        assert after[name] == replace(server, watched=watched, up=up)
    assert all(after[name].state != "ready" for name in after.keys() - wanted.keys())


@given(WANTED, ACTUAL)
def test_a_second_look_says_nothing(wanted: dict[str, Server], actual: dict[str, Server]) -> None:
    after = steps(actual, diff_servers("app0", wanted, actual))[-1]
    assert diff_servers("app0", wanted, after) == []


@given(WANTED, ACTUAL)
def test_a_back_end_that_serves_before_and_after_serves_at_every_step(
    wanted: dict[str, Server], actual: dict[str, Server]
) -> None:
    seen = steps(actual, diff_servers("app0", wanted, actual))
    serving = [any(server.serving for server in servers.values()) for servers in seen]
    if serving[0] and serving[-1]:
        assert all(serving)


@given(WANTED, ACTUAL)
def test_a_server_is_never_in_rotation_at_an_address_that_is_not_its_own(
    wanted: dict[str, Server], actual: dict[str, Server]
) -> None:
    for servers in steps(actual, diff_servers("app0", wanted, actual))[1:]:
        for name, server in servers.items():
            if server.state == "ready" and name in wanted:
                assert server.port in {wanted[name].port, actual.get(name, server).port}


def test_an_unready_newcomer_never_passes_through_rotation() -> None:
    commands = diff_servers("app0", {"a": Server("10.0.0.1", 5000, "drain")}, {})
    assert commands == [AddServer("app0", "a", "10.0.0.1", 5000), SetState("app0", "a", "drain")]


def test_one_that_is_down_is_drained_before_it_is_up_again() -> None:
    have = {"a": Server("10.0.0.1", 5000, "ready", watched=True, up=False)}
    commands = diff_servers("app0", {"a": Server("10.0.0.1", 5000, "drain")}, have)
    assert commands == [
        SetState("app0", "a", "drain"),
        SetWatch("app0", "a", on=False),
        SetUp("app0", "a"),
    ]


def test_one_that_is_down_and_has_no_peer_is_used_again_and_not_watched() -> None:
    have = {"a": Server("10.0.0.1", 5000, "ready", watched=True, up=False)}
    commands = diff_servers("app0", {"a": Server("10.0.0.1", 5000, "ready")}, have)
    assert commands == [SetWatch("app0", "a", on=False), SetUp("app0", "a")]


def test_a_timeout_is_set_changed_and_dropped() -> None:
    assert diff_timeout("shop", "5000", None) == [SetTimeout("shop", "5000", known=False)]
    assert diff_timeout("shop", "5000", "9000") == [SetTimeout("shop", "5000", known=True)]
    assert diff_timeout("shop", None, "9000") == [DropTimeout("shop")]
    assert diff_timeout("shop", "9000", "9000") == []


@given(st.dictionaries(NAMES, NAMES), st.dictionaries(NAMES, NAMES))
def test_the_map_of_hosts_becomes_what_is_wanted(wanted: dict[str, str], actual: dict[str, str]) -> None:
    haproxy = Actual(hosts=dict(actual))
    for command in diff_hosts(wanted, actual):
        haproxy.apply(command)
    assert haproxy.hosts == wanted
    assert diff_hosts(wanted, haproxy.hosts) == []
