from __future__ import annotations

from libs.keyspace.document import now
from libs.keyspace.records import App
from services.router.actual import Server
from services.router.holding import SECOND_LOOK, Holding

SERVING = {"a": Server("10.0.0.1", 5000, "ready"), "b": Server("10.0.0.2", 5000, "ready")}
RETIRED: frozenset[str] = frozenset()


def app(name: str, *, web: int = 2, state: str = "live") -> App:
    return App.model_validate(
        {
            "id": name,
            "uuid": name,
            "owner": "ann",
            "formation": {"web": web},
            "state": state,
            "created": now(),
            "updated": now(),
        }
    )


LIVE = {"shop": app("shop")}


def test_published_endpoints_are_used_as_they_are() -> None:
    published = {"c": Server("10.0.0.3", 5000, "ready")}
    assert Holding().decide("shop", published, SERVING, retiring=RETIRED, endpoints=1, apps=LIVE) == published


def test_an_apps_endpoints_that_vanish_while_others_stand_are_withdrawn() -> None:
    assert Holding().decide("shop", {}, SERVING, retiring=RETIRED, endpoints=3, apps=LIVE) == {}


def test_endpoints_that_all_vanish_are_held() -> None:
    holding = Holding()
    assert holding.decide("shop", {}, SERVING, retiring=RETIRED, endpoints=0, apps=LIVE) == SERVING
    assert holding.servers == {"shop": SERVING}


def test_an_emptied_list_of_apps_proves_nothing() -> None:
    assert Holding().decide("shop", {}, SERVING, retiring=RETIRED, endpoints=0, apps={}) == SERVING


def test_what_is_held_stays_while_other_apps_come_back() -> None:
    holding = Holding()
    holding.decide("shop", {}, SERVING, retiring=RETIRED, endpoints=0, apps=LIVE)
    assert holding.decide("shop", {}, SERVING, retiring=RETIRED, endpoints=5, apps=LIVE) == SERVING


def test_what_is_held_is_remembered_also_when_haproxy_forgot_it() -> None:
    holding = Holding()
    holding.decide("shop", {}, SERVING, retiring=RETIRED, endpoints=0, apps=LIVE)
    assert holding.decide("shop", {}, {}, retiring=RETIRED, endpoints=0, apps=LIVE) == SERVING


def test_an_app_that_has_an_endpoint_again_is_held_no_more() -> None:
    holding = Holding()
    holding.decide("shop", {}, SERVING, retiring=RETIRED, endpoints=0, apps=LIVE)
    published = {"a": SERVING["a"]}
    assert holding.decide("shop", published, SERVING, retiring=RETIRED, endpoints=1, apps=LIVE) == published
    assert holding.servers == {}


def test_a_retiring_endpoint_is_not_held() -> None:
    holding = Holding()
    assert set(holding.decide("shop", {}, SERVING, retiring={"a"}, endpoints=0, apps=LIVE)) == {"b"}
    assert holding.decide("shop", {}, SERVING, retiring={"a", "b"}, endpoints=0, apps=LIVE) == {}
    assert holding.servers == {}


def test_records_prove_that_an_app_should_have_none() -> None:
    for apps in (
        {"shop": app("shop", state="destroying")},
        {"shop": app("shop", web=0)},
        {"blog": app("blog")},
    ):
        assert Holding().decide("shop", {}, SERVING, retiring=RETIRED, endpoints=0, apps=apps) == {}


def test_the_last_app_that_was_seen_on_its_way_out_is_gone_with_its_hosts() -> None:
    holding = Holding()
    holding.note("shop", app("shop", state="destroying"))
    holding.note("shop", None)
    assert holding.decide("shop", {}, SERVING, retiring=RETIRED, endpoints=0, apps={}) == {}
    assert not holding.hold_hosts({}, frozenset({"shop"}))


def test_a_name_that_is_used_again_is_judged_anew() -> None:
    holding = Holding()
    holding.note("shop", app("shop", state="destroying"))
    holding.note("shop", app("shop"))
    assert holding.decide("shop", {}, SERVING, retiring=RETIRED, endpoints=0, apps={}) == SERVING


def test_hosts_are_held_when_every_app_vanished() -> None:
    assert Holding().hold_hosts({}, frozenset({"shop"}))
    assert not Holding().hold_hosts(LIVE, frozenset({"shop", "blog"}))
    assert not Holding().hold_hosts({}, frozenset())


def test_the_last_of_users_domains_is_believed_gone_at_the_second_look() -> None:
    holding = Holding()
    assert not holding.hold_domains(1, 1, 0.0)
    assert holding.hold_domains(0, 1, 10.0)
    assert holding.hold_domains(0, 1, 10.0 + SECOND_LOOK / 2)
    assert not holding.hold_domains(0, 1, 10.0 + SECOND_LOOK)


def test_domains_that_come_back_in_between_begin_a_new_wait() -> None:
    holding = Holding()
    assert holding.hold_domains(0, 1, 0.0)
    assert not holding.hold_domains(1, 1, 1.0)
    assert holding.hold_domains(0, 1, 3.0)
