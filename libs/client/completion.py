"""Shell completion of names that have a colon in them.

Typer's scripts ask the command itself. Bash hands it words that are split at colons, `=` and `@` (COMP_WORDBREAKS), as
in `apps`, `:`, `cr`, and puts what it gets behind the last of them. So the words are joined before Typer sees them, and
of its answers only what follows there is given back.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import sys
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path

VARIABLE = "_DEIS_COMPLETE"
BASH, ZSH, FISH = "complete_bash", "complete_zsh", "complete_fish"
SHELLS = ("bash", "zsh", "fish")
TYPED = "_TYPER_COMPLETE_ARGS"  # where zsh and fish put the line
OPTION = re.compile(r"(?:^|\s)(--[A-Za-z][A-Za-z-]*=)\S*$")
BREAKS = ":=@"


def join_words(words: list[str], current: int) -> tuple[list[str], int, str]:
    """The words as they were typed, where the present one is then, and what of it the shell holds fast already.

    A word that the shell did not split is left as it is, and nothing of it is held fast.
    """
    joined: list[str] = []
    position, held = current, ""
    sticky = False
    for index, word in enumerate(words):
        is_break = bool(word) and not word.strip(BREAKS)
        if joined and (is_break or sticky) and len(joined) > 1:
            before = joined[-1]
            joined[-1] += word
            if index == current:
                held = before + word if is_break else before
        else:
            joined.append(word)
            held = "" if index == current else held
        if index == current:
            position = len(joined) - 1
        sticky = is_break
    if current >= len(words):  # the shell stands behind the last word, at a new one
        position = len(joined)
    return joined, position, held


def complete_bash(environment: MutableMapping[str, str], answer: Callable[[], object]) -> str:
    """What Typer answers for the joined words, without what the shell holds fast.

    `environment` is changed: the words in it become the joined ones. `answer` writes to standard output.
    """
    words = environment.get("COMP_WORDS", "").split("\n")
    current = int(environment.get("COMP_CWORD", "0"))
    joined, position, held = join_words(words, current)
    environment["COMP_WORDS"], environment["COMP_CWORD"] = "\n".join(joined), str(position)
    written = io.StringIO()
    with contextlib.redirect_stdout(written), contextlib.suppress(SystemExit):
        answer()
    lines = written.getvalue().splitlines()
    return "".join(f"{_as_one_word(line.removeprefix(held))}\n" for line in lines)


def _as_one_word(text: str) -> str:
    """The text, in quotes where bash would take it for several words: a key's name may have spaces."""
    return shlex.quote(text) if any(character.isspace() for character in text) else text


def complete_option(environment: Mapping[str, str], answer: Callable[[], object]) -> None:
    """Write what Typer answers to zsh or fish, also for a value that is joined to its option, as `--app=pa`.

    They compare the whole word with the answers, which are values alone. Zsh is told to leave out what is before the
    `=`; fish gets it put before each.
    """
    joined = OPTION.search(environment.get(TYPED, ""))
    written = io.StringIO()
    try:
        with contextlib.redirect_stdout(written):
            answer()
    finally:  # Typer ends the process, with a status that fish reads
        told = written.getvalue()
        if joined and environment[VARIABLE] == ZSH:
            told = f"compset -P '*='; {told}"
        elif joined and environment[VARIABLE] == FISH:
            told = "".join(f"{joined[1]}{line}\n" for line in told.splitlines())
        sys.stdout.write(told)


def script(name: str, shell: str) -> str:
    """What makes this shell ask the command."""
    from typer._completion_shared import get_completion_script  # noqa: PLC0415 - only for this

    return get_completion_script(prog_name=name, complete_var=VARIABLE, shell=shell)


def install(name: str, shell: str) -> Path:
    """Put the script where this shell looks for it; the file that has it."""
    from typer._completion_shared import install as put  # noqa: PLC0415 - only for this

    return put(shell=shell, prog_name=name, complete_var=VARIABLE)[1]


def is_asked(environment: Mapping[str, str]) -> bool:
    """Whether a shell asks for completions, or for the script that makes it ask."""
    return VARIABLE in environment
