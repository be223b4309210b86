"""The stored form, the form that users see, and batches: hypothesis against the contract."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.loglines import (
    BATCH_LIMIT,
    BadBatch,
    BadBlock,
    Frame,
    Header,
    Kind,
    Line,
    check_block,
    encode,
    lines_of,
    pack,
    render,
    unpack,
)

TEXT = st.binary(max_size=60).map(lambda data: data.replace(b"\n", b""))
LINES = st.lists(st.builds(Line, st.integers(0, 2**64 - 1), st.sampled_from(Kind), TEXT), min_size=1, max_size=20)


def block_of(lines: list[Line]) -> bytes:
    return b"".join(encode(*line) for line in lines)


@given(LINES)
def test_a_block_gives_back_its_lines(lines: list[Line]) -> None:
    assert list(lines_of(block_of(lines))) == lines
    assert check_block(block_of(lines)) == len(lines)


@given(st.binary(max_size=200))
def test_bytes_are_a_block_or_are_refused(data: bytes) -> None:
    try:
        count = check_block(data)
    except BadBlock:
        return
    assert len(list(lines_of(data))) == count


@given(LINES, st.integers(0, 10_000), st.integers(0, 255))
def test_a_damaged_block_is_refused_or_still_one(lines: list[Line], place: int, byte: int) -> None:
    damaged = bytearray(block_of(lines))
    damaged[place % len(damaged)] = byte
    try:
        check_block(bytes(damaged))
    except BadBlock:
        return
    assert list(lines_of(bytes(damaged)))


def test_a_newline_and_a_time_that_do_not_fit_are_made_to_fit() -> None:
    assert list(lines_of(encode(-5, Kind.OUT, b"a\nb") + encode(2**70, Kind.ERR, b""))) == [
        Line(0, Kind.OUT, b"a b"),
        Line(2**64 - 1, Kind.ERR, b""),
    ]


def test_users_see_the_form_of_v1() -> None:
    at = 1_422_748_799_999_999_999
    assert render("shop", "web.1", Line(at, Kind.ERR, b"hi")) == b"2015-01-31T23:59:59UTC shop[web.1]: hi"
    assert render("shop", "web.1", Line(at, Kind.GAP, b"hi")) == b"2015-01-31T23:59:59UTC shop[deis]: hi"
    shown = render("shop", "web.1", Line(at, Kind.OUT, b"\xff\xc3\xa9\x00"))
    assert shown.decode() == "2015-01-31T23:59:59UTC shop[web.1]: \ufffdé\x00"


def frame(lines: list[Line], **changed: object) -> Frame:
    block = block_of(lines)
    fields = {
        "app": "shop",
        "app_uuid": "u",
        "process": "web.1",
        "instance": "i",
        "release": 1,
        "reading": "r",
        "first": 0,
        "lines": len(lines),
        "bytes": len(block),
        "position": "p\n",
    }
    return Frame(Header.model_validate(fields | changed), block)


@given(st.lists(LINES, max_size=5))
def test_a_batch_gives_back_its_frames(blocks: list[list[Line]]) -> None:
    frames = [frame(lines, first=n) for n, lines in enumerate(blocks)]
    assert unpack(pack(frames)) == frames


@given(LINES, st.integers(1, 10_000))
def test_a_batch_that_was_cut_off_is_refused_whole(lines: list[Line], place: int) -> None:
    batch = pack([frame(lines), frame(lines)])
    whole = {0, len(batch) // 2, len(batch)}
    if (end := place % len(batch)) not in whole:
        with pytest.raises(BadBatch):
            unpack(batch[:end])


@given(st.binary(max_size=300))
def test_junk_is_no_batch(data: bytes) -> None:
    try:
        assert unpack(data) == []
    except BadBatch:
        assert data


@pytest.mark.parametrize(
    "header",
    [b"[]", b"{}", b"1", b'"x"', b'{"app":1}', b'{"bytes":-1}', b"{" * 3000, b'{"app":"' + b"x" * 300 + b'"}'],
)
def test_a_wrong_header_is_named(header: bytes) -> None:
    with pytest.raises(BadBatch, match="header"):
        unpack(header + b"\n")


def test_a_full_batch_is_far_below_the_limit() -> None:
    assert len(pack([frame([Line(1, Kind.OUT, b"x" * 256 * 1024)])])) * 4 < BATCH_LIMIT
