from __future__ import annotations

from datetime import UTC, datetime, timedelta

from libs.keyspace.records import Router, RouterView
from services.controller.deployer.routers import Routers

MOMENT = datetime(2030, 1, 1, tzinfo=UTC)
VETO = timedelta(seconds=60)
HERE = {"a": RouterView(state="in_rotation")}


def router(node: str = "n1") -> Router:
    return Router(node=node, instances=HERE, applied=MOMENT)


def ids(routers: Routers, present: dict[str, Router], nodes: set[str], after: float = 0) -> list[tuple[str, bool]]:
    return [(word.id, word.present) for word in routers.words(present, nodes, MOMENT + timedelta(seconds=after))]


def test_a_router_that_vanished_keeps_its_veto_while_its_node_is_there() -> None:
    routers = Routers(VETO)
    ids(routers, {"r1": router()}, {"n1"})
    assert ids(routers, {}, {"n1"}, 1) == [("r1", False)]
    assert ids(routers, {}, {"n1"}, 3600) == [("r1", False)]
    assert routers.words({}, {"n1"}, MOMENT)[0].instances == HERE


def test_a_router_that_vanished_with_its_node_keeps_it_for_a_while() -> None:
    routers = Routers(VETO)
    ids(routers, {"r1": router()}, {"n1"})
    assert ids(routers, {}, set(), 10) == [("r1", False)]
    assert ids(routers, {}, set(), 69) == [("r1", False)]
    assert ids(routers, {}, set(), 70) == []


def test_a_router_that_is_back_begins_anew() -> None:
    routers = Routers(VETO)
    ids(routers, {"r1": router()}, {"n1"})
    ids(routers, {}, set(), 10)
    assert ids(routers, {"r1": router()}, set(), 20) == [("r1", True)]
    assert ids(routers, {}, set(), 75) == [("r1", False)]


def test_another_router_on_its_node_speaks_in_its_place() -> None:
    routers = Routers(VETO)
    ids(routers, {"r1": router(), "r2": router("n2")}, {"n1", "n2"})
    assert ids(routers, {"r2": router("n2")}, {"n1", "n2"}, 1) == [("r1", False), ("r2", True)]
    assert ids(routers, {"r3": router(), "r2": router("n2")}, {"n1", "n2"}, 2) == [("r2", True), ("r3", True)]


def test_a_new_leader_knows_absent_routers_from_the_records() -> None:
    routers = Routers(VETO)
    routers.recall({"r1": "n1"})
    words = routers.words({}, {"n1"}, MOMENT)
    assert [(word.id, word.present, dict(word.instances)) for word in words] == [("r1", False, {})]
    assert ids(routers, {}, set(), 1) == [("r1", False)]
    assert ids(routers, {}, set(), 61) == []
    routers.recall({"r1": "n1"})  # the record is older than what we saw
    assert ids(routers, {}, set(), 62) == []
