"""What a config takes, and how a change merges."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.controller.config_change import (
    BAD_CPU,
    BAD_CPU_RANGE,
    BAD_KEY,
    BAD_MEMORY,
    BAD_TAG,
    BAD_TAG_KEY,
    BAD_TYPE,
    fits,
    merge,
    read_change,
)
from services.controller.errors import BadFields

NO_MEMORY: list[Any] = ["1", "G", "1T", "1 G", "-1G", 1, True, {}, "1G\n", "\u0663G"]
NO_NUMBER: list[Any] = ["x", 1.5, True, [], "1.0", "", "9" * 30]
NO_TAG: list[Any] = ["", "a b", "a-b", "a\n", [], "\u00e4"]
OUT_OF_RANGE: list[Any] = [-1, 1025, "-1", 10**17]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("field", "given", "read"),
    [
        ("values", {"PORT": 5, "_x9": "y", "gone": None}, {"PORT": "5", "_x9": "y", "gone": None}),
        ("values", '{"A": "b"}', {"A": "b"}),
        ("values", "", {}),
        ("values", None, {}),
        ("values", {"A": 1.5, "B": "", "C": "two\nlines"}, {"A": "1.5", "B": "", "C": "two\nlines"}),
        (
            "memory",
            {"web": "512mb", "w-2": "1G", "cmd": "9B", "x": None},
            {"web": "512mb", "w-2": "1G", "cmd": "9B", "x": None},
        ),
        ("cpu", {"web": "512", "cmd": 0, "worker": 1024}, {"web": 512, "cmd": 0, "worker": 1024}),
        ("tags", {"Rack": "a_1", "ssd": True}, {"Rack": "a_1", "ssd": "True"}),
    ],
)
def test_good_fields_are_taken(field: str, given: Any, read: dict[str, Any]) -> None:
    assert getattr(read_change({field: given}), field) == read


@pytest.mark.parametrize(
    ("field", "given", "message"),
    [
        *(
            ("values", {key: "x"}, BAD_KEY)
            for key in ("", "1A", "A-B", "A B", "A\n", "A\0", "Ä", "\u017f", "a.b", "\u212a")
        ),
        ("values", {"A-B": None}, BAD_KEY),
        ("values", {"PORT": "http"}, "PORT must be a number from 1 to 65535: the port that web and cmd listen on"),
        ("values", {"PORT": 0}, "PORT must be a number from 1 to 65535: the port that web and cmd listen on"),
        ("values", {"PORT": "65536"}, "PORT must be a number from 1 to 65535: the port that web and cmd listen on"),
        *(
            ("values", {key: "x"}, f"{key} is set by the platform for every process and cannot be changed")
            for key in ("DEIS_APP", "DEIS_RELEASE", "DEIS_PROCESS")
        ),
        ("values", [1], 'Expected a dictionary of items but got type "list".'),
        ("values", "{", "Value must be valid JSON."),
        ("values", "[" * 100_000, "Value must be valid JSON."),
        ("values", {"A": {}}, "The value of A must be a string"),
        ("values", '{"A": "\\ud800"}', "Value must be valid JSON."),
        ("values", {"A": "x\0"}, "The value of A contains a null character, which no environment can hold"),
        ("values", {"A": "x" * 131072}, "The value of A is longer than an environment can hold (128 KiB)"),
        ("values", {"HEALTHCHECK_TIMEOUT": "soon"}, "HEALTHCHECK_TIMEOUT must be a number of seconds"),
        ("values", {"HEALTHCHECK_URL": "health"}, "HEALTHCHECK_URL must be a path that begins with /"),
        *(("memory", {key: "1G"}, BAD_TYPE) for key in ("Web", "1", "", "web\n")),
        *(("memory", {"web": value}, BAD_MEMORY) for value in NO_MEMORY),
        *(("cpu", {"web": value}, BAD_CPU) for value in NO_NUMBER),
        *(("cpu", {"web": value}, BAD_CPU_RANGE) for value in OUT_OF_RANGE),
        *(("tags", {key: "x"}, BAD_TAG_KEY) for key in ("1", "a_b", "", "a\n", "ä")),
        *(("tags", {"rack": value}, BAD_TAG) for value in NO_TAG),
    ],
)
def test_bad_fields_are_refused_in_v1s_words(field: str, given: Any, message: str) -> None:
    with pytest.raises(BadFields) as refused:
        read_change({field: given})
    assert refused.value.fields == {field: [message]}


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(BadFields) as refused:
        read_change({"values": {"1": "", "2": ""}, "cpu": {"web": "x"}})
    assert refused.value.fields == {"values": [BAD_KEY], "cpu": [BAD_CPU]}


def test_of_very_much_that_is_wrong_the_first_is_said() -> None:
    with pytest.raises(BadFields) as refused:
        read_change({"values": {f"KEY{number}": [] for number in range(50_000)}})
    assert refused.value.fields["values"] == [f"The value of KEY{number} must be a string" for number in range(20)]
    with pytest.raises(BadFields, match="all probes together must be at most"):
        read_change({"healthcheck": {f"t{number}": {"readinessProbe": {}} for number in range(10_000)}})


def test_unknown_fields_are_ignored() -> None:
    assert read_change({"colour": "blue"}).values == {}


@given(st.dictionaries(st.sampled_from(["values", "memory", "cpu", "tags", "x"]), JSON))
def test_any_json_is_read_or_refused(body: dict[str, Any]) -> None:
    try:
        change = read_change(body)
    except BadFields as refused:
        assert refused.fields  # noqa: PT017 - either outcome is fine
    else:
        assert all(value is None or "\0" not in value for value in change.values.values())
        assert all(value is None or 0 <= value <= 1024 for value in change.cpu.values())


@given(st.dictionaries(st.text(), st.text()), st.dictionaries(st.text(), st.none() | st.text()))
def test_a_change_sets_and_removes_and_leaves_the_rest(before: dict[str, str], change: dict[str, str | None]) -> None:
    after = merge(before, change)
    for key in before.keys() | change.keys():
        wanted = change[key] if key in change else before[key]
        assert after.get(key) == wanted
    assert None not in after.values()


def test_a_config_has_a_size_limit() -> None:
    assert fits({"A": "x" * 524287})
    assert not fits({"A": "x" * 524288})
    assert not fits({"A": "ä" * 262144})
