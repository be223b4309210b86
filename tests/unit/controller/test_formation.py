"""Scaling, default formations and process types."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.keyspace.document import now
from libs.keyspace.records import Build
from services.controller.errors import BadRequest
from services.controller.fields import Fields
from services.controller.formation import (
    NO_BUILD,
    NOT_NEGATIVE,
    read_procfile,
    read_scale,
    read_structure,
    refuse_unknown_types,
)
from services.controller.process_types import default_formation, dropped, fitted


def build(**fields: Any) -> Build:
    return Build(uuid="u", app="a", owner="o", image="i", created=now(), **fields)


def test_counts_come_as_numbers_or_digits() -> None:
    assert read_scale({"web": 3, "worker": "2", "cmd": 0}, most=10) == {"web": 3, "worker": 2, "cmd": 0}


@pytest.mark.parametrize("value", ["x", "", "1.5", 1.5, None, True, [], {}, "٣", "1\0", "9" * 40])
def test_a_count_that_is_no_number_is_refused_in_v1s_words(value: Any) -> None:
    with pytest.raises(BadRequest, match=r"^Invalid scaling format: "):
        read_scale({"web": value}, most=10)


@pytest.mark.parametrize("value", [-1, "-1", -(10**100)])
def test_a_negative_count_is_refused_in_v1s_words(value: Any) -> None:
    with pytest.raises(BadRequest) as refused:
        read_scale({"web": value}, most=10)
    assert str(refused.value) == NOT_NEGATIVE


def test_a_count_beyond_the_limit_is_refused() -> None:
    with pytest.raises(BadRequest, match=r"less than or equal to 10 in all: web=6, worker=5 would be 11"):
        read_scale({"web": 6, "worker": 5}, most=10)
    with pytest.raises(BadRequest, match="less than or equal to 10"):
        read_scale({"web": 10**30}, most=10)


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.floats() | st.text()))
def test_any_scale_is_read_or_refused(body: dict[str, Any]) -> None:
    try:
        counts = read_scale(body, most=100)
    except BadRequest:
        return
    assert all(0 <= count <= 100 for count in counts.values())


@pytest.mark.parametrize(
    ("fields", "formation"),
    [
        ({}, {"cmd": 1}),
        ({"procfile": {"web": "x"}}, {"cmd": 1}),
        ({"sha": "abc", "dockerfile": "FROM x"}, {"cmd": 1}),
        ({"sha": "abc", "dockerfile": "FROM x", "procfile": {"web": "x"}}, {"web": 1}),
        ({"sha": "abc", "procfile": {"worker": "x"}}, {"cmd": 1}),
        ({"sha": "abc", "procfile": {"web": "x", "worker": "y"}}, {"web": 1}),
        ({"sha": "abc"}, {"web": 1}),
    ],
)
def test_the_default_formation_is_v1s(fields: dict[str, Any], formation: dict[str, int]) -> None:
    assert default_formation(build(**fields)) == formation


def test_only_types_of_the_build_can_be_scaled() -> None:
    one = build(procfile={"web": "x"})
    refuse_unknown_types({"web": 1, "cmd": 1}, one, {})
    with pytest.raises(BadRequest, match=r"^Container type nope does not exist in application$"):
        refuse_unknown_types({"nope": 1}, one, {"nope": 1})
    with pytest.raises(BadRequest, match=r"^Container type nope does not exist in application$"):
        refuse_unknown_types({"nope": 0}, one, {"web": 1})
    with pytest.raises(BadRequest, match=NO_BUILD):
        refuse_unknown_types({}, None, {})


def test_a_type_of_the_formation_can_always_be_scaled_to_nothing() -> None:
    refuse_unknown_types({"web": 0, "worker": 0}, build(), {"web": 3, "worker": 1})


@pytest.mark.parametrize(
    ("formation", "fields", "runs"),
    [
        ({"web": 3, "worker": 1}, {"procfile": {"web": "x", "worker": "y"}}, {"web": 3, "worker": 1}),
        ({"web": 3, "worker": 1}, {"procfile": {"web": "x"}}, {"web": 3}),
        ({"web": 3, "worker": 1}, {}, {"cmd": 1}),
        ({"web": 3, "cmd": 0}, {}, {"cmd": 1}),
        ({"web": 3}, {"sha": "abc"}, {"web": 3}),
        ({"cmd": 2}, {"procfile": {"web": "x"}}, {"cmd": 2}),
        ({"web": 0, "worker": 2}, {}, {}),  # nothing of it answered before
        ({"web": 0, "worker": 2}, {"procfile": {"web": "x"}}, {"web": 0}),
        ({}, {}, {}),
    ],
)
def test_a_build_runs_what_it_has_of_the_formation_and_goes_on_answering(
    formation: dict[str, int], fields: dict[str, Any], runs: dict[str, int]
) -> None:
    assert fitted(formation, build(**fields)) == runs


def test_what_a_build_has_no_type_for_is_named() -> None:
    assert dropped({"web": 3, "worker": 1, "clock": 0, "cmd": 1}, build()) == {"web": 3, "worker": 1}


@pytest.mark.parametrize("structure", [[1], {"web": -1}, {"web": "x"}, {"We b": 1}, {"": 1}, {"a/b": 1}, "{"])
def test_a_bad_structure_is_refused(structure: Any) -> None:
    fields = Fields({"structure": structure})
    read_structure(fields, most=10)
    assert "structure" in fields.wrong


@pytest.mark.parametrize("procfile", [[1], {"web": 1}, {"We b": "x"}, {"": "x"}, {"a/b": "x"}, {"web": "x\0"}, "nope"])
def test_a_bad_procfile_is_refused(procfile: Any) -> None:
    fields = Fields({"procfile": procfile})
    read_procfile(fields)
    assert "procfile" in fields.wrong
