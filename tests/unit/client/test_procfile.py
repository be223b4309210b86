from __future__ import annotations

import pytest

from libs.client.errors import BadArgument
from libs.client.procfile import parse_procfile


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("web: python serve.py", {"web": "python serve.py"}),
        ("web: a: b\nworker-2: c # d\n", {"web": "a: b", "worker-2": "c # d"}),
        ("# comment\n---\n\nweb: a\r\n", {"web": "a"}),
        ("web: \"echo 'hi'\"", {"web": "echo 'hi'"}),
        ("web: 'echo' 'hi'", {"web": "'echo' 'hi'"}),
        ('{"web": "a", "worker": "b"}', {"web": "a", "worker": "b"}),
        ("", {}),
    ],
)
def test_a_procfile_gives_each_type_its_command(text: str, commands: dict[str, str]) -> None:
    assert parse_procfile(text) == commands


@pytest.mark.parametrize("text", ["web", "web:python", "we b: x", "web: |\n  a", "web:", '{"web": 1}', "{web: a}"])
def test_what_is_no_procfile_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadArgument):
        parse_procfile(text)


def test_the_wrong_line_is_named() -> None:
    with pytest.raises(BadArgument, match=r"line 2 .*nonsense"):
        parse_procfile("web: a\nnonsense\n")
