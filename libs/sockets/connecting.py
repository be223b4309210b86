"""The side of a WebSocket that opens it: one connection, its messages in order, and clear errors."""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.typing import Subprotocol

OPEN_SECONDS = 10.0
CLOSE_SECONDS = 2.0
PING_SECONDS = 20.0  # between two, and for an answer to come
MESSAGE_LIMIT = 32 * 1024 * 1024  # bytes; more than a whole ring of a logger
MESSAGES_AHEAD = 2  # held for a reader that is slow; then nothing more is read, and the other side notices


class SocketError(Exception):
    """No messages go here; the text says why."""


class Unreachable(SocketError):
    """No connection came about, or what answers speaks no WebSocket or another protocol."""


class Refused(SocketError):
    """HTTP's answer in place of an upgrade; `retry_after` in seconds, where it says so."""

    def __init__(self, status: int, reason: str, retry_after: int | None) -> None:
        self.status, self.reason, self.retry_after = status, reason, retry_after
        super().__init__(f"{status} {reason}".strip())


class Closed(SocketError):
    """It ended: the code of its close (RFC 6455, section 7.4), 1006 where it broke off."""

    def __init__(self, code: int, reason: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(reason or ("it broke off" if code == 1006 else f"it was closed with code {code}"))


class Socket:
    """An open WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def say(self, text: str) -> None:
        """Send a text message; raises `Closed`."""
        try:
            await self._connection.send(text)
        except ConnectionClosed as error:
            raise _closed(error) from error

    async def hear(self) -> str | bytes:
        """The next message; raises `Closed`."""
        try:
            return await self._connection.recv()
        except ConnectionClosed as error:
            raise _closed(error) from error


class _Straight(connect):
    """Follows no redirect: what is shown is for the place that was meant alone."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """See the library: an answer that is an exception is raised."""
        return exc


@asynccontextmanager
async def connected(
    url: str, protocols: Sequence[str], *, host: str | None = None, verify: bool = True, agent: str | None = None
) -> AsyncIterator[Socket]:
    """A WebSocket at `url` that speaks the first of the protocols; the others are only shown.

    `host` is where to connect to, where the URL's is not to be asked for; `verify` whether a certificate must be
    trusted. No proxy of the environment is used. Errors: `Unreachable`, `Refused`.
    """
    context = None
    if url.startswith("wss:"):
        context = ssl.create_default_context()
        if not verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opening = _Straight(
        url,
        subprotocols=[Subprotocol(protocol) for protocol in protocols],
        user_agent_header=agent,
        proxy=None,
        open_timeout=OPEN_SECONDS,
        close_timeout=CLOSE_SECONDS,
        ping_interval=PING_SECONDS,
        ping_timeout=PING_SECONDS,
        max_size=MESSAGE_LIMIT,
        max_queue=MESSAGES_AHEAD,
        ssl=context,
        logger=_quiet(),
        happy_eyeballs_delay=0.25,  # RFC 8305, section 8
        host=host or urlsplit(url).hostname,
    )
    try:
        connection = await opening
    except InvalidStatus as error:
        raise _refused(error) from error
    except InvalidMessage as error:  # its text is the library's
        raise Unreachable("what answers there does not speak HTTP") from error
    except (OSError, InvalidHandshake) as error:  # a handshake that took too long is a TimeoutError, and so an OSError
        raise Unreachable(_why(error)) from error
    if connection.subprotocol != protocols[0]:
        connection.transport.abort()
        raise Unreachable(f"what answers there does not speak {protocols[0]}")
    try:
        yield Socket(connection)
    except BaseException:
        connection.transport.abort()  # nobody waits for a farewell
        raise
    else:
        await connection.close()


def _quiet() -> logging.Logger:
    """A logger that tells nobody: what goes wrong is raised here, and the library's words may repeat a ticket."""
    logger = logging.Logger("sockets")  # noqa: LOG001 - outside the tree: no setting makes it talkative
    logger.addHandler(logging.NullHandler())
    return logger


def _refused(error: InvalidStatus) -> SocketError:
    response = error.response
    if 300 <= response.status_code < 400:
        return Unreachable(f"it redirects to {response.headers.get('Location', 'another place')}")
    wanted = response.headers.get("Retry-After", "")
    seconds = int(wanted) if wanted.isascii() and wanted.isdecimal() else None
    return Refused(response.status_code, response.reason_phrase, seconds)


def _closed(error: ConnectionClosed) -> Closed:
    return Closed(error.rcvd.code, error.rcvd.reason) if error.rcvd else Closed(1006, "")


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message or str(error)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
