from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.engine.output import TOLD_BYTES, tail


@given(st.binary(max_size=4 * TOLD_BYTES))
def test_what_is_told_is_text_of_at_most_1_kib(data: bytes) -> None:
    assert len(tail(data).encode()) <= TOLD_BYTES


@given(st.text(max_size=TOLD_BYTES))
def test_it_is_the_end_of_what_was_written_without_the_character_that_was_cut(text: str) -> None:
    kept = tail(text.encode())
    assert text.endswith(kept)
    assert len(text.encode()) - len(kept.encode()) <= max(0, len(text.encode()) - TOLD_BYTES) + 3


@pytest.mark.parametrize(
    ("data", "expected"), [(b"", ""), (b"a\xffb", "a\N{REPLACEMENT CHARACTER}b"), (b"x" * 1030 + b"end\n", None)]
)
def test_bad_bytes_are_replaced_and_the_beginning_is_what_is_left_out(data: bytes, expected: str | None) -> None:
    assert tail(data) == (data[-TOLD_BYTES:].decode() if expected is None else expected)
