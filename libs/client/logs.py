"""Log lines on a screen: `<time> <app>[<process>]: <message>`."""

from __future__ import annotations

import re
import zlib

from libs.client.screen import Screen

SOURCE = re.compile(r"(?P<source>(?P<time>\S+) \S+?\[(?P<process>\S+?)\]:) ", re.ASCII)
STYLES = ("32", "33", "34", "35", "36", "92", "93", "94", "95", "96")


def entries(text: str) -> list[dict[str, str | None]]:
    """Lines as records of `time`, `process` and `text`; of a line that has another form, all is text."""
    return [_entry(line) for line in text.split("\n") if line]


def _entry(line: str) -> dict[str, str | None]:
    found = SOURCE.match(line)
    if not found:
        return {"time": None, "process": None, "text": line}
    return {"time": found["time"], "process": found["process"], "text": line[found.end() :]}


def coloured(line: str, screen: Screen) -> str:
    """The line with its time and source in the process's own colour, which is the same every time."""
    found = SOURCE.match(line)
    if not found:
        return line
    style = STYLES[zlib.crc32(found["process"].encode()) % len(STYLES)]
    return screen.styled(found["source"], style) + line[found.end("source") :]
