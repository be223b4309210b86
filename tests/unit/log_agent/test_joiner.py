"""The joiner: lines come out as they were said, whatever the pieces."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from services.log_agent.joiner import Joined, Joiner

LINES = st.lists(st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"")), max_size=20)


def cut_up(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(LINES, st.lists(st.integers(0, 10_000), max_size=30), st.booleans())
def test_below_the_cap_no_byte_is_lost_however_the_output_is_cut_up(
    lines: list[bytes], places: list[int], ends_in_newline: bool
) -> None:
    said = b"".join(line + b"\n" for line in lines)
    if not ends_in_newline:
        said = said[:-1]
    joiner, out = Joiner(cap=1000), list[Joined]()
    for piece in cut_up(said, places):
        out += joiner.add(piece)
    out += joiner.end()
    assert b"".join(text + b"\n" for text, _ in out).rstrip(b"\n") == said.rstrip(b"\n")
    assert all(cut == 0 for _, cut in out)
    assert not joiner.open


@given(st.binary(max_size=400).map(lambda data: data.replace(b"\n", b"")), st.lists(st.integers(0, 500), max_size=9))
def test_an_overlong_line_keeps_its_begin_and_counts_the_rest(line: bytes, places: list[int]) -> None:
    joiner, out = Joiner(cap=100), list[Joined]()
    for piece in cut_up(line + b"\n", places):
        out += joiner.add(piece)
        assert len(joiner._held) <= 100
    [(text, cut)] = out
    if len(line) <= 100:
        assert (text, cut) == (line, 0)
    else:
        head = text.removesuffix(b" [deis: %d bytes cut]" % cut)
        assert line.startswith(head)
        assert len(head) + cut == len(line)
        assert 97 <= len(head) <= 100


def test_a_cut_does_not_tear_a_character() -> None:
    for width in range(8):
        [(text, cut)] = Joiner(cap=10).add(b"x" * width + "🙂é".encode() * 20 + b"\n")
        assert "\ufffd" not in text.decode()
        assert cut > 0


def test_a_line_of_a_gibibyte_takes_no_more_memory_than_the_cap() -> None:
    joiner, piece = Joiner(), b"z" * 65536
    for _ in range(16_384):
        assert joiner.add(piece) == []
    [(text, cut)] = joiner.add(b"\n")
    assert text.startswith(b"zzz")
    assert cut == 1024**3 - 256 * 1024
    assert len(text) < 256 * 1024 + 64
    assert text.endswith(b" [deis: about %d bytes cut]" % cut), "the engine may have passed over a file within it"
    assert joiner.add(b"next\n") == [Joined(b"next")]


def test_nul_bytes_and_what_is_not_utf_8_pass_as_they_are() -> None:
    assert Joiner().add(b"\x00\xff\xfe\r\n") == [Joined(b"\x00\xff\xfe\r")]


def test_a_piece_of_several_lines_is_several_lines() -> None:
    joiner = Joiner()
    assert joiner.add(b"a\n\nb") == [Joined(b"a"), Joined(b"")]
    assert joiner.add(b"c\n") == [Joined(b"bc")]
