"""HTTP in Logplex's format (`application/logplex-1`): batches of syslog messages, each under an id of its own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

import aiohttp
from yarl import URL

from services.logger.drains.doors import Doors
from services.logger.drains.heard import SaysTooMuch, bounded
from services.logger.drains.kind import Away, Batch, Pace, Refused, Target, Terms, trusted
from services.logger.drains.reasons import reason_of
from services.logger.drains.rendering import Layout

SCHEMES = ("https", "http")
PACE = Pace(size=100 * 1024, linger=1.0)
LONGEST_PAUSE = 300.0  # seconds that a receiver may ask for
READ = 4096  # bytes of an answer that are looked at, so that its connection can be used again
AGAIN = frozenset({408, 425, 429})  # and all of the server's own


def layout(layout: Layout) -> Layout:
    """Without the field for structured data, as Logplex."""
    return replace(layout, structured=False)


@asynccontextmanager
async def connect(target: Target, layout: Layout, terms: Terms, wake: Callable[[], None]) -> AsyncIterator[LogplexLine]:  # noqa: ARG001 - each batch has its own answer
    """See `Kind.connect`. It is each batch's sending that finds out whether the receiver is there."""
    context = await trusted(target) if _safe(target) else False
    try:
        authorization = _auth(target)
    except ValueError as error:
        raise Away("its user has a colon, which no receiver could tell from the one before the password") from error
    doors = Doors(terms.way)
    limits = aiohttp.ClientTimeout(
        total=4 * terms.stall_seconds, sock_connect=terms.connect_seconds, sock_read=terms.stall_seconds
    )
    connector = aiohttp.TCPConnector(
        limit=1,
        ssl=context,
        resolver=terms.names.resolver(target.app, target.token),
        socket_factory=doors.open_socket,
    )
    headers = {
        "Content-Type": "application/logplex-1",
        "Logplex-Drain-Token": target.token,
        "User-Agent": "Logplex/deis",
    }
    async with aiohttp.ClientSession(
        timeout=limits,
        connector=bounded(connector),
        headers=headers | authorization,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    ) as session:
        yield LogplexLine(session, URL(target.url, encoded=True), layout, doors)


def _safe(target: Target) -> bool:
    return target.url.startswith("https:")


def _auth(target: Target) -> dict[str, str]:
    user, _, password = target.user_info.partition(":")
    return {"Authorization": aiohttp.encode_basic_auth(unquote(user), unquote(password))} if target.user_info else {}


class LogplexLine:
    """A receiver that answers each batch."""

    lost = ""

    def __init__(self, session: aiohttp.ClientSession, url: URL, layout: Layout, doors: Doors) -> None:
        self._doors = doors
        self._session = session
        self._url = url
        self._layout = layout
        self._settled = 0

    async def send(self, batch: Batch) -> None:
        """See `Connection`."""
        body = b"".join([self._layout.frames(lot) for lot in batch.lots])
        headers = {"Logplex-Msg-Count": str(batch.lines), "Logplex-Frame-Id": batch.id}
        self._doors.refused = None
        try:
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
                await answer.content.read(READ)
        except SaysTooMuch as error:
            raise Away(f"{self._name} says far more than an answer") from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise Away(f"the certificate of {self._name} is not trusted: {reason_of(error)}") from error
        except TimeoutError as error:
            raise Away(f"{self._name} did not answer in time") from error
        except (aiohttp.ClientError, OSError, ssl.SSLError, ValueError, asyncio.LimitOverrunError) as error:
            raise Away(f"{self._name} cannot be reached: {self._why(error)}") from error
        if 200 <= answer.status < 300:
            self._settled += 1
            return
        words = f"{self._name} answered {answer.status}"
        if answer.status in AGAIN or answer.status >= 500:
            raise Away(words, pause=pause_of(answer.headers.get("Retry-After", "")))
        raise Refused(words)

    def settled(self) -> int:
        """See `Connection`."""
        settled, self._settled = self._settled, 0
        return settled

    def _why(self, error: BaseException) -> str:
        reached = not isinstance(error, aiohttp.ClientConnectorError) or isinstance(error, aiohttp.ClientSSLError)
        return reason_of(error) if reached else self._doors.why(error)

    @property
    def _name(self) -> str:
        return f"{self._url.host}:{self._url.port}"


def pause_of(header: str) -> float:
    """The seconds of a `Retry-After` (RFC 9110 §10.2.3), a time or a number; 0 for what is neither."""
    if header.strip().isdecimal():
        return min(float(header), LONGEST_PAUSE)
    try:
        until = parsedate_to_datetime(header)
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        seconds = (until - datetime.now(UTC)).total_seconds()
    except (ValueError, OverflowError, TypeError):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_PAUSE)
