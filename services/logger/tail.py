"""One tail: a reader's connection, from its beginning to the end that it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from typing import Never

from libs.daemon.supervision import leaves
from libs.keyspace.document import now
from libs.loglines.selection import BadSelection, Selection, parse
from libs.sockets.serving import Socket, SocketClosed
from services.logger import tail_messages as messages
from services.logger.archive import Archive
from services.logger.feed import Batch, Cursor, Feed, Place, RingGone
from services.logger.feed_batch import joined
from services.logger.tail_counts import TailCounts
from services.logger.tail_ends import EVICTED, End, Ended, Right, bad
from services.logger.tail_pieces import Pieces, reaching

BEGIN_SECONDS = 10.0  # in which a reader says what it wants
FAREWELL_SECONDS = 3.0  # for a reader to take the last word


class Tail:
    """A guest of the listener: it is told lines until it leaves, or until `end` is called."""

    def __init__(  # noqa: PLR0913 - what it is told by, and whom it tells
        self,
        right: Right,
        archive: Archive,
        pieces: Pieces,
        counts: TailCounts,
        *,
        logger: str,
        left: Callable[[Tail], None],
    ) -> None:
        self.right = right
        self._archive = archive
        self._pieces = pieces
        self._counts = counts
        self._logger = logger
        self._left = left
        self._verdict: asyncio.Future[End] = asyncio.get_running_loop().create_future()

    def end(self, why: End) -> None:
        """Tell the reader so, and close; the first reason counts."""
        if not self._verdict.done():
            self._verdict.set_result(why)

    def leave(self) -> None:
        """See `Guest`."""
        self._left(self)

    async def talk(self, socket: Socket) -> None:
        """See `Guest`."""
        why: End | None = None
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._await_verdict(), name="end the tail")
                begin = await _begun(socket)
                group.create_task(_hear_nothing(socket), name="hear the reader")
                await self._tell(socket, begin)
        except* SocketClosed:
            pass
        except* Ended as ended:
            why = next(one.end for one in leaves(ended) if isinstance(one, Ended))
        if why is not None:
            await self._part(socket, why)

    async def _tell(self, socket: Socket, begin: messages.Begin) -> Never:
        """What was, then what comes."""
        ticket = self.right.ticket
        selection = _selected(begin)
        feed = self._archive.feed(ticket.app, ticket.app_uuid, selection, lines=begin.lines, after=_cursor(begin))
        with closing(feed), self._pieces.reader(ticket.app_uuid, selection) as build:
            await socket.send(messages.ready(ticket.app, self._logger, self._archive.boot))
            live, placed = False, begin.after is not None
            while True:
                batch = await _batch(feed)
                if not placed:
                    placed = True
                    await socket.send(messages.places(feed.start, feed.start_reach))
                for gap in joined(batch.missed):
                    self._counts.miss(gap.lines)
                    await socket.send(messages.missed(*gap))
                pieces = batch.pieces if batch.reach is None else (*batch.pieces, reaching(batch.reach))
                if pieces:
                    message = build(pieces)
                    self._counts.bytes += len(message)
                    await socket.send(message)
                if batch.live and not live:
                    live = True
                    await socket.send(messages.live())
                await asyncio.sleep(0)  # a reader as fast as this one is not the only one

    async def _await_verdict(self) -> Never:
        raise Ended(await self._verdict)

    async def _part(self, socket: Socket, why: End) -> None:
        """The last word, for as long as a reader may take to hear it."""
        self._counts.ends[why.reason] += 1
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await socket.send(messages.end(why))
                await socket.close(why.code, why.reason)
        except TimeoutError:
            socket.abort()


async def _batch(feed: Feed) -> Batch:
    try:
        return await feed.batch()
    except RingGone as error:
        raise Ended(EVICTED) from error  # had the app been destroyed, it would have been told before


async def _begun(socket: Socket) -> messages.Begin:
    try:
        async with asyncio.timeout(BEGIN_SECONDS):
            return messages.read_begin(await socket.receive())
    except TimeoutError as error:
        raise Ended(bad(f"no message of type begin came within {BEGIN_SECONDS:g} s")) from error
    except messages.BadBegin as error:
        raise Ended(bad(str(error))) from error


def _selected(begin: messages.Begin) -> Selection:
    try:
        return parse(begin.select, now=now(), strict=True)
    except BadSelection as error:
        raise Ended(bad(str(error))) from error


def _cursor(begin: messages.Begin) -> Cursor | None:
    said = begin.after
    if said is None:
        return None
    sources = {name: Place(place.next, place.at, place.nth) for name, place in said.sources.items()}
    whole = sources.pop(messages.WHOLE, None)
    return Cursor(said.boot, sources, whole.next if whole else 0)


async def _hear_nothing(socket: Socket) -> Never:
    await socket.receive()
    raise Ended(bad("a reader says nothing after its beginning"))
