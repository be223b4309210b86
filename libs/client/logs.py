"""Log lines on a screen: `<time> <app>[<process>]: <message>`, or with `--json` an object a line."""

from __future__ import annotations

import re
import time
import zlib
from typing import TYPE_CHECKING, Any

from libs.client.outlet import breakable
from libs.client.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from libs.loglines.line import Line
    from libs.loglines.tail import Missed, Part, Source

SOURCE = re.compile(r"(?P<source>(?P<time>\S+) \S+?\[(?P<process>\S+?)\]:) ", re.ASCII)
SECONDS = "%Y-%m-%dT%H:%M:%S"
STYLES = ("32", "33", "34", "35", "36", "92", "93", "94", "95", "96")
STREAMS = {b"o": "stdout", b"O": "stdout", b"e": "stderr", b"E": "stderr", b"p": "platform", b"g": "gap"}
WHY = {
    "slow": "this reader was too slow for them",
    "evicted": "they had made room for later ones when this reader came back",
}


def coloured(line: str, screen: Screen) -> str:
    """The line with its time and source in the process's own colour, which is the same every time."""
    found = SOURCE.match(line)
    if not found:
        return line
    style = STYLES[zlib.crc32(found["process"].encode()) % len(STYLES)]
    return screen.styled(found["source"], style) + line[found.end("source") :]


def exact_time(at: int) -> str:
    """A time (ns since the epoch) as RFC 3339 has it, to the ns."""
    from libs.loglines.line import NANOSECONDS, shown_time  # noqa: PLC0415 - brings pydantic

    return f"{shown_time(at).decode().removesuffix('UTC')}.{at % NANOSECONDS:09d}Z"


def line_object(app: str, source: Source, line: Line) -> dict[str, Any]:
    """A line for programs. The stream `gap` is of lines by which the platform says that others are missing."""
    return {
        "time": exact_time(line.at),
        "app": app,
        "process": source.process,
        "instance": source.instance or None,
        "release": f"v{source.release}" if source.release else None,
        "stream": STREAMS[line.kind.value],
        "text": line.text.decode("utf-8", "replace"),
    }


def missed_object(app: str, missed: Missed) -> dict[str, Any]:
    """Lines that this reader does not get; null is what nobody knows."""
    return {"app": app, "missed": missed.lines, "from": missed.since, "until": missed.until, "why": missed.why}


def in_words(missed: Missed) -> str:
    """The same for people."""
    if missed.lines is None:
        many = "lines are missing here"
    else:
        many = f"{missed.lines} {'line is' if missed.lines == 1 else 'lines are'} missing here"
    match missed.since, missed.until:
        case str(since), str(until):
            when = f", said between {since} and {until}"
        case None, str(until):
            when = f", said before {until}"
        case str(since), None:
            when = f", said after {since}"
        case _:
            when = ""
    return f"{many}{when}: {WHY.get(missed.why, missed.why)}"


class Printed:
    """A tail on a screen. What was missed stands at its place among the lines, as the platform's own word."""

    def __init__(self, screen: Screen, app: str, *, json: bool) -> None:
        self._screen, self._app, self._json = screen, app, json
        self.told = False  # whether anything was printed

    def lines(self, parts: Sequence[Part]) -> None:
        """Lines of one message, merged by time."""
        from libs.loglines.line import render  # noqa: PLC0415 - brings pydantic
        from libs.loglines.tail import merged  # noqa: PLC0415

        app, told = self._app, merged(parts)
        self.told = True
        with breakable(self._screen.out):
            if self._json:
                for source, line in told:
                    self._screen.json(line_object(app, source, line), oneline=True)
            else:
                for source, line in told:
                    self._screen.line(coloured(render(app, source.process, line).decode(), self._screen))
            self._screen.flush()

    def missed(self, missed: Missed) -> None:
        """Lines that are not told."""
        self.told = True
        with breakable(self._screen.out):
            if self._json:
                self._screen.json(missed_object(self._app, missed), oneline=True)
            else:
                when = (missed.until or missed.since or time.strftime(SECONDS, time.gmtime()))[:19]
                self._screen.line(coloured(f"{when}UTC {self._app}[deis]: {in_words(missed)}", self._screen))
            self._screen.flush()

    def lost(self, why: str) -> None:
        """The connection is."""
        self._screen.warn(f"lost the log of {self._app}: {why}; it goes on when that is mended, Ctrl-C ends it")

    def found(self) -> None:
        """It is there again."""
        self._screen.warn(f"the log of {self._app} goes on; what was said meanwhile comes first")
