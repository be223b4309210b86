"""Following an app's log: a ticket, a WebSocket, and the same again with a cursor, wherever that breaks off."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from libs.client.api.client import Client
from libs.client.api.errors import (
    ClientError,
    ConnectionBroken,
    ControllerUnreachable,
    Forbidden,
    NotAController,
    NotFound,
    RateLimited,
    Refused,
)
from libs.client.api.logs import Ticket
from libs.client.api.resolver import is_loopback_name
from libs.client.errors import BadArgument, TailEnded
from libs.loglines.tail import (
    PROTOCOL,
    TICKET,
    BadMessage,
    Cursor,
    End,
    Live,
    Missed,
    Part,
    Places,
    Ready,
    begin,
    event_of,
    parts_of,
)
from libs.sockets.connecting import Refused as SocketRefused
from libs.sockets.connecting import Socket, SocketError, connected

FIRST_TRIES = 4  # until the tail stood once; from then on there is no end of them
FIRST_PAUSE_SECONDS = 0.5  # at most, before the first; doubled each time (full jitter)
LONGEST_PAUSE_SECONDS = 15.0
COME_AGAIN = frozenset({"moved", "stopping"})  # reasons of an end that is none for the reader
LOST_TICKET, ELSEWHERE, FULL = 401, 421, 503  # answers of a logger that end nothing, either


@dataclass(frozen=True)
class Wanted:
    """What is read: so many of the last lines that pass the filters, and what follows, or with `once` those alone."""

    app: str
    lines: int
    select: Mapping[str, str]
    once: bool = False


class Reader(Protocol):
    """Who is told. A verb that takes its time holds up the reading, and the logger notices."""

    def lines(self, parts: Sequence[Part]) -> None:
        """Lines of one message."""
        ...

    def missed(self, missed: Missed) -> None:
        """Lines that are not told."""
        ...

    def lost(self, why: str) -> None:
        """The connection is lost; it is told once, whatever is tried until `found`."""
        ...

    def found(self) -> None:
        """It is there again, and what was said meanwhile follows."""
        ...


class _Dropped(Exception):
    """The tail broke off, and goes on with a new ticket: in `seconds` at the earliest.

    `foretold`: the logger said so, and the next try is likely to succeed.
    """

    def __init__(self, why: str, *, seconds: float = 0.0, foretold: bool = False) -> None:
        self.why, self.seconds, self.foretold = why, seconds, foretold
        super().__init__(why)


def tail_url(controller: str, url: str) -> str:
    """Where the tail is opened: host, port and TLS are those of the controller's URL that the user gave."""
    there = urlsplit(controller)
    return f"{'wss' if there.scheme == 'https' else 'ws'}://{there.netloc}{urlsplit(url).path}"


class Tail:
    """One reader's tail of an app's log, however many connections it takes."""

    def __init__(self, client: Client, wanted: Wanted, reader: Reader, *, verify: bool, agent: str) -> None:
        self._client, self._wanted, self._reader = client, wanted, reader
        self._verify, self._agent = verify, agent
        self._cursor = Cursor()
        self._stood = self._lost = False
        self._placed = False  # whether the cursor tells of every source that there was
        self._vain = 0  # tries since the tail was last live

    async def run(self) -> None:
        """Read until there is an end to it. Errors: `TailEnded`, and what the first ticket may raise."""
        while True:
            try:
                await self._read()
                return
            except _Dropped as dropped:
                self._tell(dropped)
                most = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(self._vain, 10))
                self._vain += 1
                await asyncio.sleep(max(dropped.seconds, random.uniform(0, most)))

    def _tell(self, dropped: _Dropped) -> None:
        if not self._stood and self._vain + 1 >= FIRST_TRIES:
            raise TailEnded(f"the log of {self._wanted.app} cannot be followed: {dropped.why}.") from dropped
        if self._stood and not self._lost and not (dropped.foretold and self._vain == 0):
            self._lost = True
            self._reader.lost(dropped.why)

    async def _read(self) -> None:
        """One connection. Returns where no more is wanted; errors: `_Dropped`, and those of `run`."""
        ticket = await self._ticket()
        connection = self._client.connection
        try:
            async with connected(
                tail_url(connection.url, ticket.url),
                [PROTOCOL, f"{TICKET}{ticket.ticket}"],
                host="localhost" if is_loopback_name(connection.host) else None,
                verify=self._verify,
                agent=self._agent,
            ) as socket:
                known = self._cursor if self._placed or self._cursor.places else None
                await socket.say(begin(self._wanted.lines, self._wanted.select, known))
                await self._hear(socket)
        except SocketRefused as refused:
            raise self._refused(refused) from refused
        except SocketError as error:
            raise _Dropped(str(error)) from error
        except BadMessage as error:
            raise TailEnded(
                f"the log of {self._wanted.app} ends here: what answers does not speak as a logger of this version"
                f" does ({error}).\nIs this command older than the platform?"
            ) from error

    async def _hear(self, socket: Socket) -> None:
        while True:
            message = await socket.hear()
            if isinstance(message, bytes):
                parts = parts_of(message)
                self._reader.lines(parts)
                self._cursor = self._cursor.after(parts)
                continue
            match event_of(message):
                case Ready(boot=boot):
                    self._stand(boot)
                case Places() as told:
                    self._cursor, self._placed = self._cursor.at(told), True
                case Missed() as missed:
                    self._reader.missed(missed)
                case Live():
                    self._placed, self._vain = True, 0
                    if self._wanted.once:
                        return
                case End() as end:
                    raise self._ended(end)

    def _stand(self, boot: str) -> None:
        self._cursor = self._cursor.reading(boot)
        self._stood = True
        if self._lost:
            self._lost = False
            self._reader.found()

    async def _ticket(self) -> Ticket:
        app = self._wanted.app
        try:
            return await self._client.logs.ticket(app)
        except NotFound as error:
            if self._stood:
                raise TailEnded(f"the app {app} is gone, and its log ends here.") from error
            await self._client.apps.get(app)  # it is the app that may not be there
            raise BadArgument(
                f"the controller at {self._client.connection.url} knows no log tails: it is of an earlier version.\n"
                f"`deis logs -a {app}` shows the last lines."
            ) from error
        except Forbidden as error:
            if self._stood:
                raise _forbidden(app) from error
            raise
        except RateLimited as error:
            raise self._later(error, float(error.seconds or 0)) from error
        except (ControllerUnreachable, ConnectionBroken, NotAController) as error:
            raise self._later(error) from error
        except Refused as error:
            if error.status < 500:
                raise
            raise self._later(error) from error

    def _later(self, error: ClientError, seconds: float = 0.0) -> Exception:
        """What comes of a controller that gives no ticket: before the tail stood, its own words."""
        if not self._stood:
            return error
        said = error.detail.partition(". ")[0] if isinstance(error, Refused) else ""  # without "try again": we do
        return _Dropped((said or str(error)).partition("\n")[0].rstrip("."), seconds=seconds)

    def _refused(self, refused: SocketRefused) -> Exception:
        """What comes of a logger, or a router before it, that lets nobody in."""
        seconds = float(min(refused.retry_after or 0, LONGEST_PAUSE_SECONDS))
        if refused.status == LOST_TICKET:
            return _Dropped("its ticket was not taken", foretold=True)
        if refused.status == ELSEWHERE:
            return _Dropped("another logger keeps the app's lines now", foretold=True)
        if refused.status == FULL and refused.retry_after is not None:
            return _Dropped("its logger has no room for another reader now", seconds=seconds)
        return _Dropped(f"what answers there says {refused}", seconds=seconds)

    def _ended(self, end: End) -> Exception:
        app = self._wanted.app
        if end.reason in COME_AGAIN:
            return _Dropped("its logger ended it", foretold=True)
        if end.reason == "gone":
            return TailEnded(f"the app {app} was destroyed, and its log ends here.")
        if end.reason == "forbidden":
            return _forbidden(app)
        if end.reason == "revoked":
            return TailEnded(
                f"the log of {app} ends here: the token that it was followed with was revoked.\n"
                "`deis login` makes a new one."
            )
        if end.reason == "bad":
            return BadArgument(end.detail or "the logger cannot read what was asked for")
        return TailEnded(f"the log of {app} ends here: {end.detail or end.reason}.")


def _forbidden(app: str) -> TailEnded:
    return TailEnded(
        f"the log of {app} ends here: you may read it no more. Its owner or an administrator can share it again."
    )
