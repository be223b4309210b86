"""How grave a line is, as far as it says so; the rule is written down in `proto/log-line.md`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any

import re2

LOOKED_AT = 512  # bytes at the begin of a text in which its level is looked for
HEAD = 96  # of them, those where a bare word counts


class Level(IntEnum):
    """From the least grave to the gravest."""

    DEBUG = 0
    INFO = 1
    WARNING = 2
    ERROR = 3


_WORDS = {
    Level.DEBUG: ("trace", "debug", "verbose", "dbg"),
    Level.INFO: ("info", "information", "informational", "notice", "inf"),
    Level.WARNING: ("warning", "warn", "wrn"),
    Level.ERROR: ("error", "err", "fatal", "critical", "crit", "alert", "emergency", "emerg", "panic", "severe"),
}
_LEVELS = {word.encode(): level for level, words in _WORDS.items() for word in words}
_ANY = "|".join(sorted((word for words in _WORDS.values() for word in words), key=len, reverse=True))
_KEY = "level|severity|lvl|levelname|loglevel|log\\.level"

# `"level":"warn"`, `"severity": 4`, `level=warn`, `lvl="error"`: what the program names its level counts before words.
_KEYED = re.compile(
    rf'(?i)(?:"(?:{_KEY})"\s{{0,4}}:\s{{0,4}}"?|(?<![\w.-])(?:{_KEY})="?)(?:({_ANY})|([0-9]{{1,3}}))(?![\w])'.encode()
)
# `[error]`, `<Warn>`, `(info)`; `error:`; `ERROR`.
_BARE = re.compile(
    rf"[\[(<]\s?((?i:{_ANY}))\s?[\])>]|(?<![\w/.=-])((?i:{_ANY})):(?!\S)|(?<![\w/.=-])({_ANY.upper()})(?![\w/.=-])".encode()
)


def _many(pattern: bytes) -> Any:
    """A pattern for many texts at once, each of them a line."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.never_nl = True
    options.encoding = re2.Options.Encoding.LATIN1  # any byte is a character
    return re2.compile(b"(?m:%b)" % pattern, options)


# The same for many lines at once: faster by far, as most lines name none. What they find, the others above look at.
_KEYED_LINES = _many(
    rf'(?i)(?:"(?:{_KEY})"[\s\v]{{0,4}}:[\s\v]{{0,4}}"?|(?:^|[^\w.-])(?:{_KEY})="?)(?:{_ANY}|[0-9]{{1,3}})(?:[^\w]|$)'.encode()
)
_BARE_LINES = _many(
    rf"[\[(<][\s\v]?(?i:{_ANY})[\s\v]?[\])>]|(?:^|[^\w/.=-])(?:(?i:{_ANY}):(?:[\s\v]|$)|{_ANY.upper()}(?:[^\w/.=-]|$))".encode()
)
_SYSLOG = (Level.ERROR,) * 4 + (Level.WARNING, Level.INFO, Level.INFO, Level.DEBUG)


def level_of(kind: bytes, text: bytes) -> Level:
    """The level that a line's text names, else that of its stream: stderr's are errors, all others information."""
    named = _keyed(text)
    if named is None:
        named = _bare(text)
    return named if named is not None else Level.ERROR if kind in b"eE" else Level.INFO


def named_levels(texts: Sequence[bytes]) -> dict[int, Level]:
    """The levels that texts name, by index, of those that name one: as `level_of` tells them. A text has no newline."""
    bare = _named([text[:HEAD] for text in texts], _BARE_LINES, _bare)
    return bare | _named([text[:LOOKED_AT] for text in texts], _KEYED_LINES, _keyed)


def _named(texts: Sequence[bytes], many: Any, one: Callable[[bytes], Level | None]) -> dict[int, Level]:
    """The levels that `one` finds, which is asked where `many` finds any, and on from there while it does."""
    named: dict[int, Level] = {}
    whole, index, at = b"\n".join(texts), 0, 0
    while at <= len(whole) and (match := many.search(whole, at)) is not None:
        start = match.start()
        index += whole.count(b"\n", at, start)
        at = max(at, whole.rfind(b"\n", at, start) + 1)
        while index < len(texts) and (level := one(texts[index])) is not None:
            named[index] = level
            at += len(texts[index]) + 1
            index += 1
        if index < len(texts):  # this one names none
            at += len(texts[index]) + 1
            index += 1
    return named


def _keyed(text: bytes) -> Level | None:
    match = _KEYED.search(text, 0, LOOKED_AT)
    if match is None:
        return None
    word, number = match.groups()
    return _LEVELS[word.lower()] if word else _numbered(int(number))


def _bare(text: bytes) -> Level | None:
    match = _BARE.search(text, 0, HEAD)
    return None if match is None else _LEVELS[match[match.lastindex or 0].lower()]


def _numbered(number: int) -> Level:
    """A number is syslog's severity (0 to 7) or that of pino and bunyan (10 to 60)."""
    if number < len(_SYSLOG):
        return _SYSLOG[number]
    return (
        Level.ERROR if number >= 50 else Level.WARNING if number >= 40 else Level.INFO if number >= 30 else Level.DEBUG
    )
