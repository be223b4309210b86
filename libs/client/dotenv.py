r"""Config in a file: lines of `KEY=VALUE`, as most tools read them from `.env`.

What is written is read back the same, whatever the values are. A value stands bare where it can; else it is quoted
with `"`, with `\n`, `\"` and `\\` escaped, and `$` left alone. Bare values are taken to the line's end as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from libs.client.errors import BadArgument
from libs.client.pairs import KEY

ENTRY = re.compile(r"\s*(?:export\s+)?(?P<key>[^=\s#]+)[ \t]*=[ \t]*")
DOUBLE = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*)"[ \t\r]*(?:\n|$)', re.DOTALL)
SINGLE = re.compile(r"'(?P<text>[^']*)'[ \t\r]*(?:\n|$)")
ESCAPE = re.compile(r"\\(.)", re.DOTALL)
ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
BARE = re.compile(r"""(?!["'])\S(?:[^\n]*\S)?|""")


def format_dotenv(values: Mapping[str, str]) -> str:
    """The file's text: sorted, one entry a line."""
    return "".join(f"{key}={_quoted(value)}\n" for key, value in sorted(values.items()))


def _quoted(value: str) -> str:
    if BARE.fullmatch(value):
        return value
    text = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + text.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


def parse_dotenv(text: str) -> dict[str, str]:
    """The entries of a file; blank lines and lines that begin with `#` are skipped.

    `BadArgument` names the line that is no entry.
    """
    values: dict[str, str] = {}
    position = 0
    text = text.removeprefix("\ufeff")
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        line = text[position:end]
        if not line.strip() or line.lstrip().startswith("#"):
            position = end + 1
            continue
        entry = ENTRY.match(text, position, end)
        if not entry or not KEY.fullmatch(entry["key"]):
            number = text.count("\n", 0, position) + 1
            raise BadArgument(f"line {number} is no KEY=VALUE entry: {line[:60].strip()}")
        values[entry["key"]], position = _value(text, entry.end(), end)
    return values


def _value(text: str, start: int, line_end: int) -> tuple[str, int]:
    """The value that begins at `start`, and where the next line begins."""
    if quoted := DOUBLE.match(text, start):
        value = ESCAPE.sub(lambda match: ESCAPES.get(match[1], match[1]), quoted["text"])
        return value, quoted.end()
    if quoted := SINGLE.match(text, start):
        return quoted["text"], quoted.end()
    return text[start:line_end].strip(), line_end + 1
