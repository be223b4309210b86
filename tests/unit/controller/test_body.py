"""Bodies: three types, and anything else."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.controller.body import parse_body
from services.controller.errors import BadFields, BadRequest, UnsupportedMediaType

MULTIPART = "multipart/form-data; boundary=xx"


def part(name: str, value: str) -> bytes:
    return f'--xx\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


@pytest.mark.parametrize("type_", ["", "application/json", "text/plain", "multipart/form-data"])
def test_an_empty_body_has_no_fields_whatever_its_type(type_: str) -> None:
    assert parse_body(type_, b"") == {}


@pytest.mark.parametrize(
    ("type_", "raw"),
    [
        ("application/json", b'{"id": "a", "n": "1"}'),
        ("Application/JSON; charset=utf-8", b'{"id": "b", "id": "a", "n": "1"}'),
        ("application/x-www-form-urlencoded", b"id=b&n=1&id=a"),
        (MULTIPART, part("id", "a") + part("n", "1") + b"--xx--\r\n"),
        ('multipart/form-data; boundary="xx"', part("id", "b") + part("id", "a") + part("n", "1") + b"--xx--"),
    ],
)
def test_three_types_carry_the_same_fields(type_: str, raw: bytes) -> None:
    assert parse_body(type_, raw) == {"id": "a", "n": "1"}


@pytest.mark.parametrize("type_", ["text/plain", "application/xml", "", "nonsense", "application/json-patch+json"])
def test_another_type_is_refused(type_: str) -> None:
    with pytest.raises(UnsupportedMediaType, match=re.escape(f"Unsupported media type '{type_}' in request.")):
        parse_body(type_, b"{}")


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"nope",
        b"\xff",
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b"[" * 100_000,
        b'{"a":' * 33 + b"1" + b"}" * 33,
        b'{"a": ' + b"9" * 5000 + b"}",
        b"\xef\xbb\xbf{}",
        b"{'a': 1}",
        b'{"id": NaN}',
        b'{"id": -Infinity}',
        b'{"id": 1e999}',
    ],
)
def test_bad_json_is_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest, match=r"^JSON parse error - "):
        parse_body("application/json", raw)


@pytest.mark.parametrize(("raw", "kind"), [(b"[]", "list"), (b"1", "int"), (b"null", "NoneType"), (b'"x"', "str")])
def test_json_that_is_no_object_is_refused(raw: bytes, kind: str) -> None:
    with pytest.raises(BadFields) as refused:
        parse_body("application/json", raw)
    assert refused.value.fields == {"non_field_errors": [f"Invalid data. Expected a dictionary, but got {kind}."]}


@pytest.mark.parametrize("raw", [b"id=%ff", b"id=\xff", b"a=1&" * 2000])
def test_a_bad_form_is_refused(raw: bytes) -> None:
    with pytest.raises(BadRequest, match=r"^Form parse error - "):
        parse_body("application/x-www-form-urlencoded", raw)


@pytest.mark.parametrize(
    ("type_", "raw"),
    [
        ("multipart/form-data", b"--xx\r\n"),
        (MULTIPART, b"nothing of the kind"),
        (MULTIPART, b"--xx\r\n\r\nnameless\r\n--xx--"),
        (MULTIPART, b'--xx\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\r\n--xx--'),
        (MULTIPART, part("a" + ";" * 1_000_000, "b") + b"--xx--"),
        (MULTIPART, b"--xx\r\n" + b"a: b\r\n" * 200_000 + b"\r\n--xx--"),
        (MULTIPART, part("a", "b") * 1001 + b"--xx--"),
        (MULTIPART, b"".join(b"--xx\r\nContent-Type: multipart/mixed; boundary=xx\r\n\r\n" for _ in range(2000))),
    ],
)
def test_a_bad_multipart_body_is_refused(type_: str, raw: bytes) -> None:
    with pytest.raises(BadRequest, match=r"^Multipart form parse error - "):
        parse_body(type_, raw)


def test_what_a_part_holds_is_text_whatever_it_looks_like() -> None:
    text = "Content-Type: multipart/mixed; boundary=yy\r\n\r\n--yy\r\n\r\nand --xx in its midst"
    assert parse_body(MULTIPART, part("a", text) + part("b", "") + b"--xx--\r\nbehind it") == {"a": text, "b": ""}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON))
def test_any_json_object_comes_through(fields: dict[str, Any]) -> None:
    assert parse_body("application/json", json.dumps(fields).encode()) == fields


@given(
    st.sampled_from(["application/json", "application/x-www-form-urlencoded", MULTIPART, "multipart/form-data"]),
    st.binary() | st.binary().map(lambda tail: part("a", "b") + tail),
)
def test_any_bytes_are_read_or_refused(type_: str, raw: bytes) -> None:
    try:
        fields = parse_body(type_, raw)
    except (BadRequest, BadFields):
        return
    json.dumps(fields).encode()


@given(st.text())
def test_any_content_type_is_read_or_refused(type_: str) -> None:
    try:
        parse_body(type_, b"{}")
    except (BadRequest, BadFields, UnsupportedMediaType):
        return
