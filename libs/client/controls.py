r"""Control characters on their way to a terminal: shown, not obeyed.

What a user or an app has written may hold sequences that move the cursor, rename the window or hide text (ECMA-48). A
terminal gets them spelt out, as `\x1b[2J`; where colours are an app's own, their sequences alone pass.
"""

from __future__ import annotations

import re

CONTROL = re.compile(r"\r(?!\n|\Z)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # C0 and C1 but for tabs and line ends
COLOUR = re.compile(r"\x1b\[[0-9;:]*m")  # SGR, ECMA-48, 8.3.117
EITHER = re.compile(f"{COLOUR.pattern}|{CONTROL.pattern}")
RESET = "\x1b[0m"
RESETS = frozenset({RESET, "\x1b[m"})


def spelt_out(text: str) -> str:
    r"""The text with each control character as `\x1b`; tabs and line ends are left."""
    return CONTROL.sub(_spell, text)


def with_colours(text: str) -> str:
    """The same, except that colours stay, and end with the text."""
    shown = EITHER.sub(lambda found: found[0] if COLOUR.fullmatch(found[0]) else _spell(found), text)
    colours = COLOUR.findall(text)
    return shown + RESET if colours and colours[-1] not in RESETS else shown


def _spell(found: re.Match[str]) -> str:
    return f"\\x{ord(found[0]):02x}"
