"""When a retiring instance may be stopped, and whether it still counts: by what routers say, and by two deadlines."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from libs.keyspace.records import Retiring, RouterView
from services.controller.deployer.draining import flight, keeping, may_stop, spent
from services.controller.deployer.view import RouterWord, View
from tests.support.deployer.world import World

GONE = RouterView(state="gone")
REQUESTS = RouterView(state="draining", in_flight=2)
WEBSOCKETS = RouterView(state="draining", in_flight=3, websockets=3)
BOTH = RouterView(state="draining", in_flight=4, websockets=3)
ROTATION = RouterView(state="in_rotation", in_flight=1)
SUSPECT = RouterView(state="suspect")

Word = RouterView | str | None  # a text: the router is away, and had said so last


def picture(*words: Word, after: float, requests: float = 30, websockets: float = 300) -> tuple[View, Retiring]:
    """An instance that retired some seconds ago, and what each router says of it."""
    world = World()
    world.change(formation={"web": 1})
    world.deploy("good")
    world.come_to_rest()
    view = world.view()
    since = view.now - timedelta(seconds=after)
    record = Retiring(
        reason="replaced",
        since=since,
        deadline=since + timedelta(seconds=requests),
        websocket_deadline=since + timedelta(seconds=websockets),
    )
    id_ = view.instances[0].identity.id
    routers = []
    for number, word in enumerate(words):
        away = isinstance(word, str)
        said = GONE if word == "away, gone" else REQUESTS if away else word
        routers.append(RouterWord(f"r{number}", f"n{number}", not away, {id_: said} if said else {}))  # type: ignore[dict-item]
    return replace(view, routers=tuple(routers), retiring={id_: ("n0", record)}), record


@pytest.mark.parametrize(
    ("words", "after", "stops", "counts"),
    [
        ((GONE,), 0, True, False),
        ((GONE, GONE), 0, True, False),
        ((GONE, "away, gone"), 0, True, False),
        ((GONE, REQUESTS), 29, False, True),
        ((GONE, REQUESTS), 30, True, False),
        ((WEBSOCKETS,), 1, False, False),
        ((WEBSOCKETS,), 299, False, False),
        ((WEBSOCKETS,), 300, True, False),
        ((BOTH,), 29, False, True),
        ((BOTH,), 31, False, False),
        ((REQUESTS, WEBSOCKETS), 1, False, True),
        ((ROTATION,), 29, False, True),
        ((ROTATION,), 30, True, False),
        ((None,), 29, False, True),
        ((None,), 30, True, False),
        (("away",), 29, False, True),
        (("away",), 30, True, False),
        (("away", WEBSOCKETS), 31, False, False),
        ((), 29, False, True),
        ((), 30, True, False),
    ],
)
def test_a_retiring_instance_ends_by_the_routers_words_and_by_its_deadlines(
    words: tuple[Word, ...], after: float, stops: bool, counts: bool
) -> None:
    view, record = picture(*words, after=after)
    (instance,) = view.instances
    assert may_stop(view, instance, record) == stops
    assert spent(view, instance, record) != counts


def test_a_shorter_time_for_websockets_cuts_no_request() -> None:
    view, record = picture(BOTH, after=20, websockets=10)
    assert not may_stop(view, view.instances[0], record)
    view, record = picture(WEBSOCKETS, after=20, websockets=10)
    assert may_stop(view, view.instances[0], record)


def test_a_destroyed_apps_websockets_are_not_waited_for_and_its_requests_are() -> None:
    view, record = picture(WEBSOCKETS, after=1)
    assert may_stop(view, view.instances[0], record, hasty=True)
    view, record = picture(BOTH, after=1)
    assert not may_stop(view, view.instances[0], record, hasty=True)


def test_what_is_in_flight_is_the_sum_of_what_present_routers_say() -> None:
    view, _ = picture(BOTH, WEBSOCKETS, "away", after=1)
    left = flight(view, view.instances[0])
    assert (left.requests, left.websockets, left.told, left.gone) == (1, 6, False, False)


@pytest.mark.parametrize(
    ("words", "who"),
    [
        ((GONE, REQUESTS, SUSPECT), []),
        ((ROTATION, GONE), ["router r0"]),
        ((None,), ["router r0"]),
        (("away",), []),
        ((), ["a router (none is present)"]),
    ],
)
def test_a_router_has_withdrawn_what_it_sends_nothing_new(words: tuple[Word, ...], who: list[str]) -> None:
    view, _ = picture(*words, after=1)
    assert keeping(view, view.instances[0]) == who
