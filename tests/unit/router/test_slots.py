from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.router.actual import Actual, Server
from services.router.commands import SetSlot
from services.router.names import CONTROLLER, LOGGERS
from services.router.slots import Slots
from services.router.structure import CONTROLLER_BACKEND, LOGGERS_BACKEND, PLATFORM

POOL = ["app0", "app1", "app2"]
SERVER = {"a": Server("10.0.0.1", 1, "ready")}


def taken(slots: Slots, app: str, actual: Actual, *, idle: bool = False) -> str | None:
    found = slots.take(actual, idle=lambda _: idle)
    if found is None:
        return None
    for command in (*found[1], SetSlot(app, found[0], known=False)):
        actual.apply(command)
    return found[0]


def test_a_back_end_with_a_server_of_nobody_is_not_free() -> None:
    assert Slots(POOL, float).free(Actual(servers={"app0": SERVER}, slots={"shop": "app1"})) == ["app2"]


def test_the_back_end_that_was_given_up_last_is_taken_last() -> None:
    slots, actual = Slots(POOL, iter([10.0, 20.0]).__next__), Actual()
    assert [taken(slots, app, actual) for app in ("a", "b", "c")] == POOL
    for app in ("b", "a"):
        for command in slots.give_up(app, actual):
            actual.apply(command)
    assert [taken(slots, app, actual) for app in ("d", "e")] == ["app1", "app0"]


def test_a_full_pool_takes_from_an_app_that_runs_nothing() -> None:
    slots, actual = Slots(POOL[:1], float), Actual(slots={"sleeper": "app0"})
    assert taken(slots, "shop", actual, idle=False) is None
    assert taken(slots, "shop", actual, idle=True) == "app0"
    assert actual.slots == {"shop": "app0"}


def test_a_back_end_is_not_given_up_before_its_last_server_is_gone() -> None:
    slots = Slots(POOL, float)
    assert slots.give_up("shop", Actual(slots={"shop": "app0"}, servers={"app0": SERVER})) == []
    assert slots.give_up("shop", Actual()) == []


@given(st.dictionaries(st.sampled_from(["a", "b", "c", *PLATFORM]), st.sampled_from([*POOL, "app9", "controller"])))
def test_any_map_of_slots_is_repaired_to_one_owner_each(mapped: dict[str, str]) -> None:
    slots, actual = Slots(POOL, float), Actual(slots=dict(mapped))
    for command in slots.owner_errors(actual):
        actual.apply(command)
    assert {part: actual.slots.pop(part) for part in PLATFORM} == PLATFORM
    owned = list(actual.slots.values())
    assert len(owned) == len(set(owned))
    assert set(owned) <= set(POOL)
    rest = Actual(slots={**actual.slots, **PLATFORM})
    assert slots.owner_errors(rest) == []


def test_the_api_and_the_tails_have_their_own_back_ends_from_the_start() -> None:
    assert Slots(POOL, float).owner_errors(Actual()) == [
        SetSlot(CONTROLLER, CONTROLLER_BACKEND, known=False),
        SetSlot(LOGGERS, LOGGERS_BACKEND, known=False),
    ]
