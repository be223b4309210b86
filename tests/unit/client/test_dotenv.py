from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.client.dotenv import format_dotenv, parse_dotenv
from libs.client.errors import BadArgument

KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
AWKWARD = st.text(alphabet=st.sampled_from("ab \t\n\r\"'\\#=$`\u00a0\u2028\x00é"))


@given(st.dictionaries(KEYS, st.text() | AWKWARD))
def test_what_is_written_is_read_back_the_same(values: dict[str, str]) -> None:
    assert parse_dotenv(format_dotenv(values)) == values


@given(st.dictionaries(KEYS, AWKWARD))
def test_each_entry_has_one_line(values: dict[str, str]) -> None:
    assert format_dotenv(values).count("\n") == len(values)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1\nB=2", {"A": "1", "B": "2"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("\ufeffA=1", {"A": "1"}),
        ("# comment\n\n  export A=1\n", {"A": "1"}),
        ("A = 1", {"A": "1"}),
        ("A=", {"A": ""}),
        ("A=\nB=1", {"A": "", "B": "1"}),
        ("A=a b # c", {"A": "a b # c"}),
        ("A=x=y=", {"A": "x=y="}),
        ('A="a\\nb"', {"A": "a\nb"}),
        ('A="a\nb"\nB=1', {"A": "a\nb", "B": "1"}),
        ("A='a\\nb'", {"A": "a\\nb"}),
        ('A="a" b', {"A": '"a" b'}),
        ('A="unclosed', {"A": '"unclosed'}),
        ('A={"json": "here"}', {"A": '{"json": "here"}'}),
        ("A=$HOME/`x`", {"A": "$HOME/`x`"}),
        ("A=1\nA=2", {"A": "2"}),
        ("", {}),
    ],
)
def test_common_files_are_understood(text: str, values: dict[str, str]) -> None:
    assert parse_dotenv(text) == values


@pytest.mark.parametrize("text", ["A=1\nnonsense\n", "A=1\n=2", "A=1\n1B=2"])
def test_a_line_that_is_no_entry_is_named_by_its_number(text: str) -> None:
    with pytest.raises(BadArgument, match="line 2"):
        parse_dotenv(text)
