from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.engine import LogPiece
from libs.engine.drivers.docker.frames import FULL_PIECE, HEADER, BadFrame, FrameReader, nanoseconds, piece

SECOND = 1_000_000_000
pieces = st.builds(
    LogPiece,
    at=st.integers(0, 4 * 10**9 * SECOND - 1),
    stream=st.sampled_from(["stdout", "stderr"]),
    data=st.binary().map(lambda data: data + b"\n"),
)


def framed(one: LogPiece) -> bytes:
    moment = datetime.fromtimestamp(one.at // SECOND, UTC)
    stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{one.at % SECOND:09d}Z".encode()
    payload = stamp + b" " + one.data
    return HEADER.pack(1 if one.stream == "stdout" else 2, len(payload)) + payload


@given(st.lists(pieces), st.lists(st.integers(1, 40)))
def test_pieces_come_whole_however_the_bytes_are_cut(sent: list[LogPiece], cuts: list[int]) -> None:
    data, reader = b"".join(map(framed, sent)), FrameReader()
    read: list[LogPiece] = []
    for cut in [*cuts, len(data)]:
        read += (piece(stream, payload) for stream, payload in reader.feed(data[:cut]))
        data = data[cut:]
    assert read == sent


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("1970-01-01T00:00:01.000000002Z", SECOND + 2),
        ("2026-11-23T10:12:54.003942744Z", 1795428774 * SECOND + 3942744),
        ("2026-11-23T10:12:54.5Z", 1795428774 * SECOND + 500000000),
        ("2026-11-23T12:12:54.003942744+02:00", 1795428774 * SECOND + 3942744),
    ],
)
def test_times_are_read_to_the_nanosecond(stamp: str, expected: int) -> None:
    assert nanoseconds(stamp) == expected


@pytest.mark.parametrize(
    "stamp", ["", "yesterday", "2026-11-23T10:12:54Z", "2026-13-23T10:12:54.0Z", "2026-11-23T10:12:54.0"]
)
def test_what_is_no_time_is_refused(stamp: str) -> None:
    with pytest.raises(BadFrame):
        nanoseconds(stamp)


@pytest.mark.parametrize("data", [HEADER.pack(7, 3) + b"abc", HEADER.pack(1, 1 << 30)])
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(BadFrame):
        FrameReader().feed(data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a line\n", b"a line\n"),
        (b"\n", b"\n"),
        (b"y" * FULL_PIECE, b"y" * FULL_PIECE),
        (b"y" * (FULL_PIECE - 1) + b"\n", b"y" * (FULL_PIECE - 1) + b"\n"),
        (b"y" * FULL_PIECE + b"\n", b"y" * FULL_PIECE + b"\n"),
        (b"the rest", b"the rest\n"),
        (b"", b"\n"),
    ],
)
def test_a_piece_that_is_not_full_ends_its_line(data: bytes, expected: bytes) -> None:
    assert piece("stdout", b"1970-01-01T00:00:01.000000002Z " + data) == LogPiece(SECOND + 2, "stdout", expected)


def test_a_piece_without_its_time_is_refused() -> None:
    with pytest.raises(BadFrame):
        piece("stdout", b"notime")
