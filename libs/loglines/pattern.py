"""A user's pattern over log lines: RE2, so that the time it takes grows with the text, whatever the pattern."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import re2

LONGEST = 512  # bytes of a pattern
LARGEST = 300  # instructions of a compiled one: the slowest of that size take 3 ms for a KiB of text
MEMORY = 1024 * 1024  # bytes of a compiled pattern, the states that it keeps included

# What looks at the ends of the whole text or at single bytes: many lines at once would look different to it.
_ALONE = (b"\\A", b"\\z", b"\\C", b"\\Q", b"(?")


class BadPattern(ValueError):
    """Not a pattern of RE2, or one that is too large; the message is RE2's word."""


class Pattern:
    """Finds the lines that a pattern is in; `pattern` is looked for anywhere in a line, as grep does."""

    def __init__(self, pattern: str) -> None:
        text = pattern.encode("utf-8", "surrogatepass")
        if len(text) > LONGEST:
            raise BadPattern(f"it has {len(text)} bytes and may have {LONGEST}")
        self._one = _compiled(text)
        self._many = None if any(mark in text for mark in _ALONE) else _compiled(b"(?m:%b)" % text)

    def lines(self, texts: Sequence[bytes]) -> list[int]:
        """The indexes of the texts that it is in; a text holds no newline."""
        if self._many is None:
            return [index for index, text in enumerate(texts) if self._one.search(text) is not None]
        found: list[int] = []
        if not texts:
            return found
        whole, index, at = b"\n".join(texts), 0, 0
        while (match := self._many.search(whole, at)) is not None:
            start = match.start()
            index += whole.count(b"\n", at, start)
            found.append(index)
            at = whole.find(b"\n", start) + 1
            if not at:
                break
            index += 1
        return found


def _compiled(pattern: bytes) -> Any:
    options = re2.Options()
    options.max_mem = MEMORY
    options.log_errors = False
    options.never_nl = True  # nothing in a pattern matches a newline: many lines are searched as if each was alone
    options.never_capture = True
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        raise BadPattern(_word(error)) from error
    if compiled.programsize > LARGEST or compiled.reverseprogramsize > LARGEST:
        raise BadPattern("it is too large: fewer or smaller repetitions like {1,1000} would help")
    return compiled


def _word(error: Exception) -> str:
    word = error.args[0] if error.args else "cannot be read"
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word)


@lru_cache(maxsize=128)
def pattern(text: str) -> Pattern:
    """The pattern, compiled once for all that look for the same; raises `BadPattern`."""
    return Pattern(text)
