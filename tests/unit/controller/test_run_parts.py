"""What one-off runs are made of, and what is told of their output."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.engine import Identity, Instance
from libs.keyspace.records import App, Config, Release
from services.controller.run_output import RunOutput, with_note
from services.controller.run_spec import LONGEST_COMMAND, has_no_shell, in_brief, next_number, spec_of

AT = datetime(2030, 1, 1, tzinfo=UTC)
APP = App(id="shop", uuid="u1", owner="ann", created=AT, updated=AT)
CONFIG = Config(uuid="c", owner="ann", values="", memory={"web": "1G"}, created=AT)
RELEASE = Release(uuid="r", app="shop", owner="ann", number=3, summary="", build="b", config=CONFIG, created=AT)


def argv(command: str) -> tuple[str, ...]:
    spec = spec_of(APP, RELEASE, id_="x1", number=1, image="i", command=command, values={}, until=AT)
    assert spec.limits.memory is None  # web's is not its own
    assert spec.command is not None
    return spec.command


@given(st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1, max_size=40))
def test_a_command_is_one_argument_and_no_part_of_a_script(command: str) -> None:
    words = argv(command)
    assert words[-1] == command
    assert words[:-1] == argv("true")[:-1]


def test_the_longest_command_is_an_argument_that_a_process_may_have() -> None:
    longest = "exit 7 # ".ljust(LONGEST_COMMAND, "\N{EARTH GLOBE EUROPE-AFRICA}")
    assert len(longest) == LONGEST_COMMAND
    assert subprocess.run(argv(longest), check=False).returncode == 7


def run(number: int, app: str = "u1", type_: str = "run") -> Instance:
    who = Identity(f"x{number}", "shop", app, type_, number, 3)
    return Instance(who, who.name, "running", once=True)


def test_a_run_has_the_number_after_the_highest_that_is_there_or_promised() -> None:
    assert next_number([], "u1", ()) == 1
    assert next_number([run(1), run(4), run(9, "u2"), run(8, type_="web")], "u1", ()) == 5
    assert next_number([run(1)], "u1", {2, 3}) == 4


@pytest.mark.parametrize(
    ("reason", "no_shell"),
    [
        ('exec: "/bin/sh": stat /bin/sh: no such file or directory: unknown', True),
        ('container_linux.go:380: exec: "/bin/sh": executable file not found in $PATH', True),
        ('exec: "/serve": stat /serve: no such file or directory', False),
        ("memory limit too low", False),
    ],
)
def test_an_image_without_a_shell_is_known_by_the_engines_words(reason: str, no_shell: bool) -> None:
    assert has_no_shell(reason) is no_shell


def test_events_tell_of_a_long_command_in_brief() -> None:
    assert in_brief("ls") == "ls"
    assert in_brief("x" * 400) == "x" * 300 + "…"


@given(st.lists(st.binary(max_size=9)), st.integers(1, 20))
def test_of_an_output_the_end_is_kept_and_what_is_missing_is_counted(pieces: list[bytes], most: int) -> None:
    output = RunOutput(most)
    for piece in pieces:
        output.add(piece)
    told, whole = output.text(), b"".join(pieces)
    if len(whole) <= most:
        assert (told, output.cut) == (whole.decode("utf-8", "replace"), 0)
        return
    first, _, rest = told.partition("\n")
    missing = int(first.removeprefix("[deis: the first ").removesuffix(" bytes of the output were left out]"))
    assert len(whole) - most <= missing <= len(whole) - most + 3
    assert rest == whole[missing:].decode("utf-8", "replace")
    assert output.cut == missing


@given(st.text(min_size=30), st.integers(4, 20))
def test_a_character_that_the_cut_tore_leaves_nothing(text: str, most: int) -> None:
    output = RunOutput(most)
    output.add(text.encode("utf-8", "replace"))
    rest = output.text().partition("\n")[2]
    assert text.encode("utf-8", "replace").decode().endswith(rest)


@pytest.mark.parametrize(("output", "noted"), [("", "[deis: x]\n"), ("a", "a\n[deis: x]\n"), ("a\n", "a\n[deis: x]\n")])
def test_a_note_has_a_line_of_its_own(output: str, noted: str) -> None:
    assert with_note(output, "x") == noted
