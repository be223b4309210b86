"""What a syslog message says before its text: RFC 5424, or RFC 3164 as programs write it.

One compiled pattern a form. The libraries that parse such heads build an object a message (syslog-rfc5424-parser, last
released in 2019: 4,300 messages a second by its own word; syslogmp, 2021, knows RFC 3164 alone).
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from libs.loglines import nanoseconds

ENTERPRISE = b"deis@32473"  # 32473 is set aside for what has no number of its own (RFC 5612)
OWN = "syslog"  # the process of lines that name none
SECOND = 1_000_000_000  # ns
EARLIEST = 7 * 86400 * SECOND  # ns before the receipt at which a line's own time is still believed
LATEST = 300 * SECOND  # ns after it
_ERR = 3  # the mildest severity that is stderr's (RFC 5424, 6.2.1)
_CACHED = 512  # bytes of structured data that is remembered

# Possessive wherever text is free, so that a head is refused in one pass however it is malformed.
_SD = rb'(?:-|(?:\[[^"\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"\]]*+)*+\])++)'
_NEW = re.compile(
    rb"<([0-9]{1,3})>1 ([^ ]{1,64}+) [^ ]{1,255}+ ([^ ]{1,128}+) ([^ ]{1,128}+) [^ ]{1,64}+ (" + _SD + rb")(?: |$)",
    re.DOTALL,
)
_OLD = re.compile(
    rb"<([0-9]{1,3})>"
    rb"(?:[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} |([0-9]{4}-[^ ]{1,60}+) )?"
    rb"(?:[^ ]{1,255}+(?<!:) )?([^ :\[\]<>]{1,128}+)(?:\[([^ \]]{1,128}+)\])?: ?",
    re.DOTALL,
)
_ELEMENT = re.compile(rb"\[" + ENTERPRISE + rb'((?: [^ ="\]]{1,32}+="[^"\\]*+(?:\\.[^"\\]*+)*+")*+)\]', re.DOTALL)
_PARAMETER = re.compile(rb' ([^ ="\]]{1,32}+)="([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL)
_ESCAPED = re.compile(rb'\\(["\\\]])')
_PROCESS = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,47}")
_INSTANCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,47}")
_RELEASE = re.compile(r"v?([0-9]{1,9})")
_BOM = b"\xef\xbb\xbf"


class Head(NamedTuple):
    """What stands before a message's text, as it came."""

    severity: int
    stamp: bytes  # empty: none that names a moment
    app: bytes
    process: bytes  # PROCID, empty where there is none
    data: bytes  # the structured data
    end: int  # where the text begins


class Speaker(NamedTuple):
    """Who says a line."""

    app: str
    process: str
    instance: str  # of the ring's source
    release: int


def read_head(message: bytes) -> Head | None:
    """The head of a message; None where it has none."""
    if match := _NEW.match(message):
        priority, stamp, app, process, data = match.groups()
    elif match := _OLD.match(message):
        priority, stamp, app, process = match.groups(b"")
        data = b"-"
    else:
        return None
    number = int(priority)
    if number > 191:
        return None
    end = match.end()
    if message.startswith(_BOM, end):
        end += 3
    return Head(number & 7, stamp, app, process, data, end)


def is_error(severity: int) -> bool:
    """Whether a line of this severity belongs to stderr."""
    return severity <= _ERR


def time_of(stamp: bytes, received: int) -> int:
    """The time (ns) of a line: its own where that is believable, else that of its receipt.

    A stamp of whole seconds names a second: within it the receipt is the better time.
    """
    at = _moment(stamp)
    if at is None or not received - EARLIEST <= at <= received + LATEST:
        return received
    if at % SECOND == 0:
        return min(max(received, at), at + SECOND - 1)
    return at


@lru_cache(maxsize=1024)
def _moment(stamp: bytes) -> int | None:
    try:
        moment = datetime.fromisoformat(stamp.decode("ascii"))
    except ValueError:
        return None
    return nanoseconds(moment) if moment.tzinfo else None


def speaker(app: bytes, process: bytes, data: bytes) -> Speaker:
    """Who speaks: by the head's names, and by the platform's own element of the structured data before them."""
    return (_remembered if len(data) <= _CACHED else _speaker)(app, process, data)


def _speaker(app: bytes, process: bytes, data: bytes) -> Speaker:
    said = _own_parameters(data)
    name = _matching(_PROCESS, said.get("process", process.decode("ascii", "replace")))
    if name in {None, "deis"}:  # that is the platform's own voice
        name = OWN
    instance = _matching(_INSTANCE, said.get("instance", ""))
    release = _RELEASE.fullmatch(said.get("release", ""))
    number = int(release[1]) if release else 0
    source = f"{OWN}:{name}" + (f":v{number}" if number else "") + (f":{instance}" if instance else "")
    return Speaker(said.get("app", app.decode("ascii", "replace")), str(name), source, number)


_remembered = lru_cache(maxsize=2048)(_speaker)


def _own_parameters(data: bytes) -> dict[str, str]:
    if ENTERPRISE not in data or not (element := _ELEMENT.search(data)):
        return {}
    return {
        key.decode("ascii", "replace"): _ESCAPED.sub(rb"\1", value).decode("utf-8", "replace")
        for key, value in _PARAMETER.findall(element[1])
    }


def _matching(pattern: re.Pattern[str], text: str) -> str | None:
    return text if pattern.fullmatch(text) else None
