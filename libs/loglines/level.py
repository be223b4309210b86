"""How grave a line is, as far as it says so; the rule is written down in `proto/log-line.md`."""

from __future__ import annotations

import re
from enum import IntEnum

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
_SYSLOG = (Level.ERROR,) * 4 + (Level.WARNING, Level.INFO, Level.INFO, Level.DEBUG)


def level_of(kind: bytes, text: bytes) -> Level:
    """The level that a line's text names, else that of its stream: stderr's are errors, all others information."""
    if match := _KEYED.search(text, 0, LOOKED_AT):
        word, number = match.groups()
        return _LEVELS[word.lower()] if word else _numbered(int(number))
    if match := _BARE.search(text, 0, HEAD):
        return _LEVELS[match[match.lastindex or 0].lower()]
    return Level.ERROR if kind in b"eE" else Level.INFO


def _numbered(number: int) -> Level:
    """A number is syslog's severity (0 to 7) or that of pino and bunyan (10 to 60)."""
    if number < len(_SYSLOG):
        return _SYSLOG[number]
    return (
        Level.ERROR if number >= 50 else Level.WARNING if number >= 40 else Level.INFO if number >= 30 else Level.DEBUG
    )
