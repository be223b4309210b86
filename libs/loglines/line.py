"""A log line: its stored form, and the text that users see.

Stored: sixteen hexadecimal digits (the line's own time, ns since the epoch), one letter for its kind, the bytes, a
newline. A block is any number of them, one after another; so a block is counted, cut and kept without an object a line.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

LINE_CAP = 256 * 1024  # bytes of one line; what is longer is cut there, and says so (Loki's default limit)
PREFIX = 17  # bytes before a stored line's text
LAST = 2**64 - 1  # ns; the last time that a stored line can carry
NANOSECONDS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Possessive, so that a block is refused in one pass however it is malformed.
_BLOCK = re.compile(rb"(?>[0-9a-f]{16}[oOeEpg][^\n]*+\n)++")


class Kind(Enum):
    """What a line is: the letter in its stored form."""

    OUT = b"o"
    ERR = b"e"
    OUT_CUT = b"O"  # longer than the cap; its text ends in a mark that says by how much
    ERR_CUT = b"E"
    PLATFORM = b"p"  # said by the platform, about the app
    GAP = b"g"  # lines are missing here


class Line(NamedTuple):
    """A line by itself, without its newline."""

    at: int  # ns since the epoch
    kind: Kind
    text: bytes


class BadBlock(ValueError):
    """Bytes that are no block of stored lines."""


_KINDS = {kind.value: kind for kind in Kind}


def encode(at: int, kind: Kind, text: bytes) -> bytes:
    """The stored form. A newline within the text becomes a space: one line stays one line.

    A time that 64 bits do not hold (before 1970, after 2554) becomes the nearest that they do.
    """
    if not 0 <= at <= LAST:
        at = min(max(at, 0), LAST)
    if b"\n" in text:
        text = text.replace(b"\n", b" ")
    return b"%016x%b%b\n" % (at, kind.value, text)


def check_block(block: bytes) -> int:
    """The number of lines in a block; raises `BadBlock` when it is none."""
    if not _BLOCK.fullmatch(block):
        raise BadBlock("a block is lines of 16 hexadecimal digits, a letter of o O e E p g, text and a newline")
    return len(block.split(b"\n")) - 1  # in half the time that `count` takes


def lines_of(block: bytes) -> Iterator[Line]:
    """The lines of a block that was checked, in its order."""
    for stored in block.split(b"\n")[:-1]:
        yield Line(int(stored[:16], 16), _KINDS[stored[16:17]], stored[PREFIX:])


def cut_short(begin: bytes, missing: int, *, exact: bool = True) -> tuple[bytes, int]:
    """A line of which only the begin is kept: with the mark of a cut; and how many bytes are missing now.

    A character of UTF-8 that the cut tore goes as well. Not `exact`: they were not all counted once.
    """
    whole = _without_torn_end(begin)
    missing += len(begin) - len(whole)
    about = b"" if exact else b"about "
    return b"%b [deis: %b%d bytes cut]" % (whole, about, missing), missing


def _without_torn_end(text: bytes) -> bytes:
    """The text without a character of UTF-8 that the cut tore, if there is one at its end."""
    for back in range(1, min(4, len(text)) + 1):
        byte = text[-back]
        if byte < 0x80:
            return text
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return text[:-back] if length > back else text
    return text


def nanoseconds(moment: datetime) -> int:
    """A time as lines carry it, exactly: ns since the epoch."""
    elapsed = moment - _EPOCH
    return ((elapsed.days * 86400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds) * 1000


@lru_cache(maxsize=4096)
def _second(seconds: int) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%SUTC", time.gmtime(seconds)).encode()


def shown_time(at: int) -> bytes:
    """A time (ns) as users see it: `2015-01-31T23:59:59UTC`, as in v1."""
    return _second(at // NANOSECONDS)


def render(app: str, process: str, line: Line) -> bytes:
    """The line as users see it, without a newline: `<time> <app>[<process>]: <text>`, as in v1.

    What is not UTF-8 shows as U+FFFD. What the platform says carries `deis` for a process.
    """
    by = "deis" if line.kind in {Kind.PLATFORM, Kind.GAP} else process
    text = line.text
    if not text.isascii():
        text = text.decode("utf-8", "replace").encode()
    return b"%b %b: %b" % (shown_time(line.at), f"{app}[{by}]".encode(), text)
