"""One HTTP/1.1 request as bytes, and the head of what comes back (RFC 9112). No I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from libs.keyspace.records import HttpHeader
from services.health_checker.endpoint import Endpoint

AS_WRITTEN = "/%?:@!$&'()*+,;=[]~"  # of a user's path; what could not stand in a request line is encoded
LONGEST_HEAD = 64 * 1024  # bytes
SWITCHING_PROTOCOLS = 101
WITHOUT_BODY = frozenset({SWITCHING_PROTOCOLS, 204, 304})

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BREAKS = re.compile(r"[\r\n\0]")
_STATUS_LINE = re.compile(rb"HTTP/1\.[0-9] ([1-9][0-9]{2})(?: [^\r\n]*)?\r?\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"\r?\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r?\n", re.IGNORECASE)
_BEGINNING = b"HTTP/1."


class NotHttp(ValueError):
    """What came back is no HTTP response."""


class CannotBeSent(ValueError):
    """A header that no request may have; the message says which."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a response: its status, and how many bytes of its body are still to come (None: it does not say)."""

    status: int
    missing: int | None


def written(endpoint: Endpoint, path: str, headers: Sequence[HttpHeader]) -> bytes:
    """`GET path`, with the user's headers before our own of the same name. Raises `CannotBeSent`."""
    own = {"Host": str(endpoint), "User-Agent": "deis-health-check", "Accept": "*/*", "Connection": "close"}
    given = {header.name.lower() for header in headers}
    lines = [f"GET {quote(path, safe=AS_WRITTEN, errors='replace')} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in own.items() if name.lower() not in given]
    for header in headers:
        if not _TOKEN.fullmatch(header.name):
            raise CannotBeSent(f"{header.name!r} is no name of a header")
        if _BREAKS.search(header.value):
            raise CannotBeSent(f"the header {header.name} has a line break in it")
        lines.append(f"{header.name}: {header.value}")
    return "\r\n".join((*lines, "", "")).encode(errors="replace")


def head_in(answer: bytes) -> Head | None:
    """The head of the response that begins so, None while it is not complete. Raises `NotHttp`.

    Interim responses (1xx, RFC 9110, section 15.2) are passed over.
    """
    while True:
        if not answer.startswith(_BEGINNING[: len(answer)]) or len(answer) > LONGEST_HEAD:
            raise NotHttp
        end = _HEAD_END.search(answer)
        if end is None:
            return None
        line = _STATUS_LINE.match(answer)
        if line is None:
            raise NotHttp
        status = int(line[1])
        if status >= 200 or status == SWITCHING_PROTOCOLS:
            return Head(status, _missing(status, answer[: end.end()], len(answer) - end.end()))
        answer = answer[end.end() :]


def _missing(status: int, head: bytes, body: int) -> int | None:
    if status in WITHOUT_BODY:
        return 0
    length = _LENGTH.search(head)
    return max(int(length[1]) - body, 0) if length else None
