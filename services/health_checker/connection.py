"""A connection to an endpoint, made by hand on a socket: a tenth of what a client library spends on one."""

from __future__ import annotations

import asyncio
import errno
import socket

from services.health_checker.endpoint import Endpoint


def open_socket(endpoint: Endpoint) -> socket.socket:
    """A socket for it, that does not block; raises `OSError` where there is none to be had."""
    family = socket.AF_INET6 if endpoint.address.version == 6 else socket.AF_INET
    return socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)


async def connect(sock: socket.socket, endpoint: Endpoint) -> int:
    """Connect: 0 or an error number."""
    error = sock.connect_ex(endpoint.pair)
    if error == errno.EINPROGRESS:  # on one host the handshake is over when this returns: ask once more
        error = sock.connect_ex(endpoint.pair)
    if error in {errno.EALREADY, errno.EINPROGRESS}:
        error = await _settled(sock)
    if error in {0, errno.EISCONN} and endpoint.address.is_loopback and sock.getsockname() == sock.getpeername():
        return errno.ECONNREFUSED  # it met itself: a simultaneous open (RFC 9293, section 3.5)
    return 0 if error == errno.EISCONN else error


async def _settled(sock: socket.socket) -> int:
    """How a connection that is under way ends: 0 or an error number."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    loop.add_writer(sock, _settle, done)
    try:
        await done
    finally:
        loop.remove_writer(sock)
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def _settle(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
