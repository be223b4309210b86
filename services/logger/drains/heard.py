"""How much a receiver may say in answer to a request, whatever it is: an HTTP client reads all that comes before it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from weakref import WeakSet

from services.logger.drains.names import Info

MOST = 1024 * 1024  # bytes
LOOK_SECONDS = 0.2
_RECEIVED = 128  # where `tcpi_bytes_received` is in the kernel's `struct tcp_info` (linux/tcp.h)


class Heard:
    """Opens sockets, and hangs up where too much comes in. `much`: it did, in the last request."""

    def __init__(self, open_socket: Callable[[Info], socket.socket]) -> None:
        self._open = open_socket
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._timer: asyncio.TimerHandle | None = None
        self.much = False

    def open_socket(self, info: Info) -> socket.socket:
        """See `Way`."""
        sock = self._open(info)
        self._sockets.add(sock)
        return sock

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """One request and its answer."""
        self.much = False
        self._look({sock: _received(sock) for sock in self._sockets})
        try:
            yield
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def _look(self, before: Mapping[socket.socket, int]) -> None:
        """See how much came since then, now and then."""
        for sock in tuple(self._sockets):
            if _received(sock) - before.get(sock, 0) > MOST:
                self.much = True
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look, before)


def _received(sock: socket.socket) -> int:
    try:
        found = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED + 8)
    except OSError:  # it is closed
        return 0
    return int(struct.unpack_from("Q", found, _RECEIVED)[0]) if len(found) >= _RECEIVED + 8 else 0
