"""Transcripts: a session of `deis` commands as it is written down, who typed them, and what each of them told.

A line `ann$ deis …` is what ann typed; lines `> question <- answer` below it are what she was asked, and what she typed
then. What it printed follows; behind it each line of standard error, after `2> `, and `exit 1` where it ended so.
`ann~ deis …` is typed until it prints what is written: a fact that comes a moment later. `ann& deis …` goes on beside
the next one.
"""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.person import Answer, Told
from tests.support.terminal import COLOURS, in_the_end

TYPED = re.compile(r"(?P<who>[a-z]+)(?P<sign>[$~&]) deis (?P<line>.+)")
ASKED = "> "
ANSWERED = " <- "

MASKS = (
    (re.compile(r"(?<!\d)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(UTC|\.\d+Z|Z)"), "<date>"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\b[0-9a-f]{40}\b"), "<token>"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "<id>"),
    (re.compile(r"\b[0-9a-f]{2}(:[0-9a-f]{2}){15}\b"), "<fingerprint>"),
    (re.compile(r"(?<=cannot be had: ).*?(?= \(\d{3} )"), "<why>"),  # as the engine puts it
    (re.compile(r"(?<=The nodes' tags: )\S+"), "<node>"),
    (re.compile(r"\bdone in \d+s"), "done in <n>s"),
    (re.compile(r"(<dim>)? \(\d+s\)(</>)?"), ""),  # how long a slow call took
    (re.compile(r"(?<![\w.])[+-]?\d+\.\d{3}s"), "<n>s"),
)
COLOUR_NAMES = ("red", "green", "yellow", "blue", "magenta", "cyan")
STYLES = {"0": "</>", "1": "<bold>", "2": "<dim>", **{str(31 + n): f"<{name}>" for n, name in enumerate(COLOUR_NAMES)}}


@dataclass(frozen=True)
class Step:
    """One command of a session."""

    who: str
    sign: str
    line: str
    answers: tuple[Answer, ...]
    printed: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.line)

    @property
    def name(self) -> str:
        """The command's name, as typed."""
        return self.words[0]


def steps_of(text: str) -> Iterator[Step]:
    """The steps of a transcript; what stands before the first is said to its reader."""
    who = sign = line = ""
    printed: list[str] = []
    answers: list[Answer] = []
    for written in [*text.splitlines(), "", "nobody$ deis help"]:
        if typed := TYPED.fullmatch(written):
            if who:
                yield Step(who, sign, line, tuple(answers), "\n".join(printed))
            who, sign, line = typed["who"], typed["sign"], typed["line"]
            printed, answers = [], []
        elif written.startswith(ASKED) and not printed:
            question, _, answer = written.removeprefix(ASKED).partition(ANSWERED)
            answers.append(Answer(question, answer))
        else:
            printed.append(written)


def piped(told: Told, names: Mapping[str, str]) -> str:
    """What a command told into pipes, as a transcript has it; `names` are what stands for what differs."""
    errors = "".join(f"2> {line}\n" for line in told.err.splitlines())
    status = f"exit {told.status}\n" if told.status else ""
    return masked(f"{told.out}{errors}{status}", names)


def on_a_terminal(told: Told, names: Mapping[str, str]) -> str:
    """What stood on a terminal in the end, its colours spelt out."""
    status = f"exit {told.status}\n" if told.status else ""
    shown = COLOURS.sub(lambda style: STYLES.get(style[1] or "0", style[0]), in_the_end(told.out))
    return masked(f"{shown}{status}", names)


def documents(told: Told, names: Mapping[str, str]) -> str:
    """The JSON that a command told, a line a document: the names in it; of a list how many have them."""
    if told.status or told.err or told.out[:1] not in {"{", "["}:
        return piped(told, names)
    lines, rest, decoder = [], told.out.strip(), json.JSONDecoder()
    while rest:
        document, end = decoder.raw_decode(rest)
        lines.append(form(document))
        rest = rest[end:].strip()
    return "".join(f"{line}\n" for line in lines)


def form(document: Any) -> str:
    """The names in a document; of a list those in each, and how often."""
    match document:
        case dict():
            return f"{{{', '.join(document)}}}"
        case list():
            counted = Counter(form(one) for one in document)
            return f"[{', '.join(f'{count} x {one}' for one, count in counted.items())}]"
        case _:
            return type(document).__name__


def masked(text: str, names: Mapping[str, str]) -> str:
    """The text with a name in place of what is another each time."""
    for value, name in names.items():
        text = text.replace(value, name)
    for pattern, name in MASKS:
        text = pattern.sub(name, text)
    return text


def filled(text: str, names: Mapping[str, str]) -> str:
    """The text with each name's value in its place."""
    for value, name in names.items():
        text = text.replace(name, value)
    return text
