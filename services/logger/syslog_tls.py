"""TLS of a sender, of whom only what comes matters: bytes in, bytes out, and no connection of its own.

The event loops' own TLS lets go of what a sender said last where it closes while reading is paused: the connection
below would have to be paused, and they do not show that.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

READ = 64 * 1024  # bytes of plain text that are asked for at once


class Inbound:
    """The server's side of one connection (`ssl.SSLObject`). `failure`: why there is no more to be had from it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.established = False
        self.ended = False  # the sender said that this was all
        self.failure = ""
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)

    def feed(self, data: bytes) -> bytes:
        """What came, in plain text; empty before the handshake's end. What is to be answered is in `answer`."""
        self._in.write(data)
        return b"".join(self._read())

    def answer(self) -> bytes:
        """What is to be sent now: the handshake's part, an alert, a new key; each is given once."""
        return self._out.read()

    @property
    def subject(self) -> str:
        """The common name of the sender's certificate; empty where it showed none."""
        certificate: dict[str, Any] = (self._tls.getpeercert() if self.established else None) or {}
        names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
        return names[0] if names else ""

    def _read(self) -> Iterator[bytes]:
        try:
            if not self.established:
                self._tls.do_handshake()
                self.established = True
            while data := self._tls.read(READ):
                yield data
            self.ended = True
            self._tls.unwrap()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as error:
            self.failure = "" if self.ended else str(error)
