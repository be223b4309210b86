"""One HTTP/1.1 request and its answer, spoken by h11. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import h11

from libs.keyspace.records import HttpHeader
from services.health_checker.endpoint import Endpoint

AS_WRITTEN = "/%?:@!$&'()*+,;=[]~"  # of a user's path; what could not stand in a request line is encoded
LONGEST_HEAD = 64 * 1024  # bytes
BEGINNING = b"HTTP/1."


class NotHttp(ValueError):
    """What came back is no HTTP response."""


class CannotBeSent(ValueError):
    """A header that no request may have; the message says why."""


class Exchange:
    """`GET path`, with the user's headers before our own of the same name. Raises `CannotBeSent`.

    `status` is the answer's, None until its head is complete; interim ones (1xx, RFC 9110, section 15.2) are passed
    over. `over`: the answer is there to its end.
    """

    def __init__(self, endpoint: Endpoint, path: str, headers: Sequence[HttpHeader]) -> None:
        own = {"Host": str(endpoint), "User-Agent": "deis-health-check", "Accept": "*/*", "Connection": "close"}
        given = {header.name.lower() for header in headers}
        lines = [(name, value) for name, value in own.items() if name.lower() not in given]
        lines += [(header.name, header.value) for header in headers]
        encoded = [(name.encode(errors="replace"), value.encode(errors="replace")) for name, value in lines]
        target = quote(path, safe=AS_WRITTEN, errors="replace")
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LONGEST_HEAD)
        try:
            asked = self._connection.send(h11.Request(method="GET", target=target, headers=encoded))
        except h11.LocalProtocolError as error:
            raise CannotBeSent(str(error)) from error
        self.request = (asked or b"") + (self._connection.send(h11.EndOfMessage()) or b"")
        self._beginning = b""
        self.status: int | None = None
        self.over = False

    def hear(self, data: bytes) -> None:
        """More of the answer; nothing is its end. Raises `NotHttp`, and `EOFError` for an end before the status."""
        self._beginning = (self._beginning + data)[: len(BEGINNING)]
        if not BEGINNING.startswith(self._beginning):
            raise NotHttp  # h11 would wait for an empty line
        try:
            self._connection.receive_data(data)
            while not self.over:
                match self._connection.next_event():
                    case h11.NEED_DATA:
                        break
                    case h11.Response(status_code=status):
                        self.status = status
                    case h11.EndOfMessage() | h11.ConnectionClosed() | h11.PAUSED:
                        self.over = True
        except h11.RemoteProtocolError as error:
            self.over = True
            if self.status is None and data:
                raise NotHttp from error
        if self.status is None and not data:
            raise EOFError
