from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.client.completion import complete_bash, join_words


@pytest.mark.parametrize(
    ("words", "current", "joined", "position", "held"),
    [
        (["deis", "ap"], 1, ["deis", "ap"], 1, ""),
        (["deis", "apps", ":"], 2, ["deis", "apps:"], 1, "apps:"),
        (["deis", "apps", ":", "cr"], 3, ["deis", "apps:cr"], 1, "apps:"),
        (["deis", "apps:cr"], 1, ["deis", "apps:cr"], 1, ""),
        (["deis", "apps", ":", "create", "--no"], 4, ["deis", "apps:create", "--no"], 2, ""),
        (["deis", "apps", ":", "create", ""], 4, ["deis", "apps:create", ""], 2, ""),
        (["deis", "apps", ":", "info", "-a", ""], 5, ["deis", "apps:info", "-a", ""], 3, ""),
        (["deis", ""], 1, ["deis", ""], 1, ""),
        (["deis", "ps", "--app", "=", "pa"], 4, ["deis", "ps", "--app=pa"], 2, "--app="),
        (["deis", "keys", ":", "remove", "ada", "@", "la"], 6, ["deis", "keys:remove", "ada@la"], 2, "ada@"),
        (["deis"], 1, ["deis"], 1, ""),
    ],
)
def test_words_that_the_shell_split_at_colons_are_joined(
    words: list[str], current: int, joined: list[str], position: int, held: str
) -> None:
    assert join_words(words, current) == (joined, position, held)


@given(st.lists(st.text("ab:=@", max_size=4), max_size=6), st.integers(0, 7))
def test_no_command_line_is_too_odd_to_be_joined(words: list[str], current: int) -> None:
    line = ["deis", *words]
    joined, position, held = join_words(line, min(current, len(line)))
    assert "".join(joined) == "".join(line)
    assert 0 <= position <= len(joined)
    assert position == len(joined) or joined[position].startswith(held)


def test_answers_leave_out_what_the_shell_holds_fast() -> None:
    environment = {"COMP_WORDS": "deis\napps\n:\nc", "COMP_CWORD": "3"}

    def answer() -> None:
        assert environment == {"COMP_WORDS": "deis\napps:c", "COMP_CWORD": "1"}
        sys.stdout.write("apps:create\napps:copy\n")
        sys.exit(0)

    assert complete_bash(environment, answer) == "create\ncopy\n"


def test_an_answer_of_several_words_is_quoted() -> None:
    environment = {"COMP_WORDS": "deis\nkeys\n:\nremove\n", "COMP_CWORD": "4"}
    assert complete_bash(environment, lambda: sys.stdout.write("ada at home\n")) == "'ada at home'\n"
