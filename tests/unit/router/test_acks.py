from __future__ import annotations

from libs.keyspace.document import now
from libs.keyspace.records import RouterView
from services.router.acks import same_but_counts, views
from services.router.actual import Actual, Server
from services.router.counts import Count
from services.router.suspicions import Suspicion

ACTUAL = Actual(
    slots={"shop": "app0"},
    servers={
        "app0": {
            "in": Server("10.0.0.1", 1, "ready"),
            "out": Server("10.0.0.2", 1, "drain"),
            "off": Server("10.0.0.3", 1, "maint"),
        }
    },
)


def test_an_answer_says_what_haproxy_has() -> None:
    planned, retiring = [("shop", "in"), ("shop", "not-yet")], [("shop", "out"), ("shop", "off"), ("shop", "never")]
    assert views(planned, retiring, {}, ACTUAL, {"out": Count(3, 1)}) == {
        "in": RouterView(state="in_rotation"),
        "never": RouterView(state="gone"),
        "off": RouterView(state="draining"),
        "out": RouterView(state="draining", in_flight=3, websockets=1),
    }


def test_a_retiring_instance_that_still_serves_is_said_to_serve() -> None:
    assert views([], [("shop", "in")], {}, ACTUAL, {})["in"].state == "in_rotation"


def test_a_server_that_haproxy_took_out_is_not_in_rotation() -> None:
    down = Actual(slots={"shop": "app0"}, servers={"app0": {"in": Server("10.0.0.1", 1, "ready", up=False)}})
    assert views([("shop", "in")], [], {}, down, {})["in"].state == "draining"


def test_a_suspicion_is_said_of_whatever_is_suspect_unless_it_retires() -> None:
    suspects = {id_: Suspicion("shop", now(), "no answer", None) for id_ in ("in", "out", "late")}
    said = views([("shop", "in")], [("shop", "out")], suspects, ACTUAL, {})
    assert {id_: view.state for id_, view in said.items()} == {"in": "suspect", "late": "suspect", "out": "draining"}
    assert (said["in"].since, said["in"].reason) == (suspects["in"].since, "no answer")


def test_an_app_without_a_back_end_has_nothing_in_rotation() -> None:
    assert views([("blog", "in")], [], {}, ACTUAL, {}) == {}


def test_the_first_request_in_flight_and_the_last_are_transitions() -> None:
    idle, one, two = ({"a": RouterView(state="draining", in_flight=count)} for count in (0, 1, 2))
    assert same_but_counts(one, two)
    assert not same_but_counts(idle, one)
    only_websockets = {"a": RouterView(state="draining", in_flight=1, websockets=1)}
    assert not same_but_counts(one, only_websockets)
    assert not same_but_counts(only_websockets, {"a": RouterView(state="draining", in_flight=2, websockets=1)})
    assert not same_but_counts(one, {"a": RouterView(state="gone")})
