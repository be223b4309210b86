from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from libs.keyspace.document import now
from libs.keyspace.records import Retiring
from services.router.actual import Actual, Server, State
from services.router.commands import Command, CutSessions, DeleteServer, SetState
from services.router.counts import Count
from services.router.drains import CUT_AFTER, Drains, Leave
from services.router.files import Files
from services.router.haproxy import HAProxy
from services.router.workers import Master, OldWorkers

MAINT, DELETE, CUT = SetState("app0", "a", "maint"), DeleteServer("app0", "a"), CutSessions("app0", "a")


def next_step(
    state: State,
    in_flight: int,
    *,
    websockets: int = 0,
    late: float | None = None,
    late_for_websockets: float | None = None,
    since: float = 0.0,
) -> list[Command]:
    """What is said of a server, `late` seconds past its deadline; without one it drains since `since` of 100 s."""
    haproxy = HAProxy(Files(Path("/srv")), ["app0"])
    haproxy.actual = Actual(servers={"app0": {"a": Server("10.0.0.1", 5000, state)}})
    retiring = {}
    if late is not None:
        later = None if late_for_websockets is None else now() - timedelta(seconds=late_for_websockets)
        retiring["a"] = Retiring(
            reason="", since=now(), deadline=now() - timedelta(seconds=late), websocket_deadline=later
        )
    old_workers = OldWorkers(Master(Path("/srv/none")), lambda: 100.0)
    drains = Drains(haproxy, old_workers, wanted={"app0": {}}, retiring=retiring, longest=30.0, clock=lambda: 100.0)
    return drains._next(("app0", "a"), Leave(since), Count(in_flight, websockets))


def test_a_server_with_nothing_in_flight_is_deleted() -> None:
    assert next_step("drain", 0, late=-10) == [MAINT, DELETE]
    assert next_step("maint", 0, late=-10) == [DELETE]


def test_requests_in_flight_are_waited_for_until_the_deadline() -> None:
    assert next_step("drain", 2, late=-10) == []
    assert next_step("drain", 2, since=80.0) == []


def test_at_the_deadline_nothing_is_cut() -> None:
    assert next_step("drain", 2, late=1) == [MAINT]
    assert next_step("maint", 2, late=1) == []
    assert next_step("drain", 2, since=60.0) == [MAINT]


def test_websockets_have_a_deadline_of_their_own() -> None:
    assert next_step("drain", 2, websockets=2, late=1, late_for_websockets=-10) == []
    assert next_step("drain", 3, websockets=2, late=1, late_for_websockets=-10) == []
    assert next_step("drain", 2, websockets=2, late=100, late_for_websockets=1) == [MAINT]
    assert next_step("drain", 2, websockets=2, late=200, late_for_websockets=CUT_AFTER + 1) == [MAINT, CUT]
    assert next_step("drain", 2, late=1, late_for_websockets=-10) == [MAINT]


def test_without_a_deadline_of_their_own_websockets_have_that_of_requests() -> None:
    assert next_step("drain", 2, websockets=2, late=1) == [MAINT]
    assert next_step("drain", 2, websockets=2, since=60.0) == [MAINT]


@pytest.mark.parametrize("state", ["drain", "maint"])
def test_what_hangs_long_after_the_deadline_is_cut(state: State) -> None:
    assert next_step(state, 2, late=CUT_AFTER + 1)[-1] == CUT
