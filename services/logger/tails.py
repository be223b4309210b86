"""The tails: who is let in to follow a log, and who has to go."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from http import HTTPStatus
from urllib.parse import unquote

from libs.loglines.tail import TICKET
from libs.sockets.serving import Asked, Refusal
from libs.store import StoreUnavailable
from services.logger.archive import Archive
from services.logger.tail import FAREWELL_SECONDS, Tail
from services.logger.tail_counts import TailCounts
from services.logger.tail_ends import STOPPING, Verdicts
from services.logger.tail_pieces import Pieces
from services.logger.tickets import NoTicket, Shown, Tickets

RETRY_SECONDS = "2"
_TARGET = re.compile(r"/logs/([^/?#]+)/tail")


class _Refused(Exception):
    """A reader is not let in; `outcome` is what became of its ticket, in a word."""

    def __init__(self, outcome: str, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.outcome = outcome
        later = {"Retry-After": RETRY_SECONDS} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
        self.answer = Refusal(status, text, later)


class Tails:
    """The guests of a logger's listener: at most `most`, and `most_of_app` of one app."""

    def __init__(  # noqa: PLR0913 - its parts, and its bounds
        self, id_: str, archive: Archive, tickets: Tickets, verdicts: Verdicts, *, most: int, most_of_app: int
    ) -> None:
        self.counts = TailCounts()
        self._id = id_
        self._archive = archive
        self._tickets = tickets
        self._verdicts = verdicts
        self._most = most
        self._most_of_app = most_of_app
        self._pieces = Pieces()
        self._tails: set[Tail] = set()
        self._of_app: Counter[str] = (
            Counter()
        )  # tails by the app's uuid, those that use their ticket right now included
        self._coming = 0  # those that are being decided on
        self._stopping = False
        self._left = asyncio.Event()

    def __len__(self) -> int:
        return len(self._tails)

    async def admit(self, asked: Asked) -> Tail | Refusal:
        """Let a reader in for its ticket; the listener's question."""
        self._coming += 1
        try:
            tail = await self._let_in(asked)
        except _Refused as refused:
            self.counts.tickets[refused.outcome] += 1
            return refused.answer
        finally:
            self._coming -= 1
        self.counts.tickets["good"] += 1
        self._tails.add(tail)
        return tail

    async def look(self) -> None:
        """End the tails that must."""
        for tail in list(self._tails):
            if why := self._verdicts.on(tail.right):
                tail.end(why)

    async def stop(self) -> None:
        """Let nobody in any more, tell all that this logger stops, and wait a little until they are gone."""
        self._stopping = True
        for tail in self._tails:
            tail.end(STOPPING)
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                while self._tails:
                    self._left.clear()
                    await self._left.wait()
        except TimeoutError:
            pass  # the listener cuts them off

    async def _let_in(self, asked: Asked) -> Tail:
        named = _TARGET.fullmatch(asked.target)
        if named is None:
            raise _Refused("none", HTTPStatus.NOT_FOUND, "tails are at /logs/<logger>/tail")
        if self._stopping or len(self._tails) + self._coming > self._most:
            raise _full(f"this logger has its {self._most} tails")
        text = next((name.removeprefix(TICKET) for name in asked.subprotocols if name.startswith(TICKET)), "")
        try:
            shown = await self._tickets.look(text)
            if unquote(named[1]) != self._id or self._verdicts.moved(shown.right.ticket) is not None:
                raise _Refused(
                    "moved", HTTPStatus.MISDIRECTED_REQUEST, "another logger keeps the app: take a new ticket"
                )
            await self._use(shown)
        except NoTicket as error:
            raise _Refused(
                "unknown", HTTPStatus.UNAUTHORIZED, "no such ticket, or none any more: take a new one"
            ) from error
        except StoreUnavailable as error:
            raise _Refused("unavailable", HTTPStatus.SERVICE_UNAVAILABLE, "tickets cannot be read now") from error
        return Tail(shown.right, self._archive, self._pieces, self.counts, logger=self._id, left=self._leave)

    async def _use(self, shown: Shown) -> None:
        """Use a ticket up, and take a place of its app's."""
        uuid = shown.right.ticket.app_uuid
        if self._of_app[uuid] >= self._most_of_app:
            raise _full(f"the app has its {self._most_of_app} tails")
        self._of_app[uuid] += 1
        try:
            await self._tickets.use(shown)
        except BaseException:
            self._give_back(uuid)
            raise

    def _leave(self, tail: Tail) -> None:
        self._tails.discard(tail)
        self._give_back(tail.right.ticket.app_uuid)
        self._left.set()

    def _give_back(self, uuid: str) -> None:
        self._of_app[uuid] -= 1
        if not self._of_app[uuid]:
            del self._of_app[uuid]


def _full(text: str) -> _Refused:
    return _Refused("full", HTTPStatus.SERVICE_UNAVAILABLE, text)
