"""Records: what is stored is read again, with what a newer release added; junk is refused as such."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, JsonValue, ValidationError
from pydantic.fields import FieldInfo

from libs.keyspace import BadRecord, Document, Keyspace, Sealed
from libs.keyspace.records import App, Check, PlatformSetting

RECORDS = sorted({c.record for c in Keyspace().collections().values()}, key=lambda record: record.__name__)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
NEWER = st.dictionaries(st.text("xyz", min_size=1, max_size=4).map(lambda name: f"newer_{name}"), JSON, max_size=3)


def values(annotation: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911  # one for each kind of annotation
    """Values of a field: all that a record's annotation allows, its bounds kept by being positive."""
    if annotation is JsonValue:
        return JSON
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is dict:
        return st.dictionaries(TEXT, values(inner[1]), max_size=2)
    if origin is tuple and inner[-1] is ...:
        return st.lists(values(inner[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, inner))
    if origin in {Union, UnionType}:
        return st.one_of(*map(values, inner))
    if annotation in PLAIN:
        return PLAIN[annotation]
    return build(annotation)


def values_of(field: FieldInfo) -> st.SearchStrategy[Any]:
    """The same, and texts as the field's pattern wants them."""
    patterns = [found for one in field.metadata if (found := getattr(one, "pattern", None))]
    return st.none() | st.from_regex(patterns[0], fullmatch=True) if patterns else values(field.annotation)


def build(model: type[BaseModel]) -> st.SearchStrategy[BaseModel]:
    """Models of this type, with any of their optional fields left out."""
    required = {name: values_of(field) for name, field in model.model_fields.items() if field.is_required()}
    optional = {name: values_of(field) for name, field in model.model_fields.items() if not field.is_required()}
    return st.fixed_dictionaries(required, optional=optional).map(lambda fields: model(**fields))


PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    Sealed: TEXT,
    bool: st.booleans(),
    int: st.integers(1, 2**53),
    float: st.floats(0.001, 1e9),
    type(None): st.none(),
    datetime: st.datetimes(timezones=st.just(UTC)),
}
DOCUMENTS = st.sampled_from(RECORDS).flatmap(build)
slow = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


@slow
@given(st.data())
def test_a_record_is_read_as_it_was_written(data: st.DataObject) -> None:
    document = data.draw(DOCUMENTS)
    assert isinstance(document, Document)
    assert type(document).decode(document.encode()) == document


@slow
@given(st.data(), NEWER)
def test_fields_of_a_newer_release_survive_a_change(data: st.DataObject, newer: dict[str, Any]) -> None:
    document = data.draw(DOCUMENTS)
    assert isinstance(document, Document)
    stored = json.dumps({**json.loads(document.encode()), **newer, "record_version": 1}).encode()
    changed = type(document).decode(stored).changed(record_version=2)
    assert json.loads(changed.encode()) == {**json.loads(stored), "record_version": 2}


def test_fields_of_a_newer_release_survive_inside_a_record_too() -> None:
    value = {"http": {"path": "/", "newer": [1]}, "newer": None}
    assert json.loads(Check.model_validate(value).model_dump_json(exclude_defaults=True)) == {
        "http": {"newer": [1]},
        "newer": None,
    }


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"junk",
        b"null",
        b"[]",
        b"1",
        b'"text"',
        b"\xff\xfe",
        b'{"record_version": "x"}',
        b"{" * 100_000,
        b"[" * 100_000,
    ],
    ids=["empty", "text", "null", "list", "number", "string", "not UTF-8", "wrong type", "deep objects", "deep lists"],
)
def test_junk_is_a_bad_record(record: type[Document], junk: bytes) -> None:
    with pytest.raises(BadRecord) as caught:
        record.decode(junk)
    assert caught.value.kind == record.__name__
    assert caught.value.reason


@given(st.sampled_from(RECORDS), st.binary())
def test_any_bytes_are_a_record_or_a_bad_one(record: type[Document], value: bytes) -> None:
    try:
        record.decode(value)
    except BadRecord:
        return


@given(st.sampled_from(RECORDS), JSON)
def test_any_json_is_a_record_or_a_bad_one(record: type[Document], value: Any) -> None:
    try:
        record.decode(json.dumps(value).encode())
    except BadRecord:
        return


def test_a_change_is_validated_and_leaves_the_record_alone() -> None:
    setting = PlatformSetting(value=1)
    assert setting.changed(value=None).value is None
    assert setting.value == 1
    with pytest.raises(ValidationError):
        setting.changed(record_version="many")
    with pytest.raises(ValidationError):
        setting.value = 2  # type: ignore[misc]


def test_a_null_is_a_value() -> None:
    assert PlatformSetting.decode(PlatformSetting(value=None).encode()).value is None


@pytest.mark.parametrize(
    ("restarts", "generation"),
    [({}, 0), ({"": 2}, 2), ({"": 1, "web": 2, "web.1": 4, "web.2": 8, "worker": 16}, 7)],
)
def test_a_restart_counts_for_all_a_type_or_one(restarts: dict[str, int], generation: int) -> None:
    now = datetime(2020, 1, 1, tzinfo=UTC)
    app = App(id="a", uuid="u", owner="o", restarts=restarts, created=now, updated=now)
    assert app.generation("web", 1) == generation


def test_apps_with_the_usual_settings_share_them_and_others_keep_their_own() -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    usual = App(id="a", uuid="u", owner="ann", created=at, updated=at)
    one, other = App.decode(usual.encode()), App.decode(usual.encode())
    assert one.settings is other.settings
    newer = json.loads(usual.encode())
    newer["settings"]["newer_field"] = 1
    assert json.loads(App.decode(json.dumps(newer).encode()).encode()) == newer
    assert one.changed(settings={"drain_seconds": 31}).settings.drain_seconds == 31
