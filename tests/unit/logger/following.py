"""What the tests of feeds share: frames of numbered lines, and a reader that keeps its cursor as `log-tail.md` says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from libs.loglines import Frame, Header, Kind, encode
from services.logger.archive import Archive
from services.logger.feed import Batch, Cursor, Feed, Missed, Place

APP, UUID = "shop", "u-shop"


def numbered(
    first: int, count: int, *, instance: str = "a", at: int | None = None, text: bytes = b"", process: str = "web.1"
) -> Frame:
    """Lines that carry their number, each at its own time (`at`: all at that one)."""
    block = b"".join(
        encode(n + 1 if at is None else at, Kind.OUT, b"%d %b" % (n, text)) for n in range(first, first + count)
    )
    header = Header(
        app=APP,
        app_uuid=UUID,
        process=process,
        instance=instance,
        release=1,
        reading="r",
        first=first,
        lines=count,
        bytes=len(block),
        position="p",
    )
    return Frame(header, block)


async def at_once(feed: Feed) -> Batch | None:
    """The next batch; None when the feed has nothing to tell now."""
    try:
        async with asyncio.timeout(0):
            return await feed.batch()
    except TimeoutError:
        return None


@dataclass
class Reader:
    """Follows an app, and keeps what it was told."""

    feed: Feed
    boot: str
    told: dict[str, list[bytes]] = field(default_factory=dict)
    missed: list[Missed] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    reach: int | None = None
    live: bool = False

    async def read(self) -> None:
        """All that there is now."""
        nothing = 0
        while nothing < 30:  # a window of which nothing passes is none, and a search takes some turns
            batch = await at_once(self.feed)
            nothing = 0 if batch else nothing + 1
            if batch:
                self.take(batch)

    async def read_some(self) -> None:
        """One batch, if there is one."""
        if batch := await at_once(self.feed):
            self.take(batch)

    def take(self, batch: Batch) -> None:
        """Keep what a batch tells."""
        self.missed += batch.missed
        self.live |= batch.live
        self.reach = batch.reach if batch.reach is not None else self.reach
        for piece in batch.pieces:
            assert piece.block.count(b"\n") == piece.lines
            texts = [line[17:] for line in piece.block.split(b"\n")[:-1] if line[16:17] != b"g"]
            self.told.setdefault(piece.source.instance, []).extend(texts)
            self.places[piece.source.instance] = Place(piece.next, piece.at, piece.nth)

    def cursor(self) -> Cursor:
        """Where it stands."""
        return Cursor(self.boot, dict(self.places), self.feed.start_reach if self.reach is None else self.reach)

    def resume(self, archive: Archive, feed: Feed) -> None:
        """Go on with another feed."""
        self.feed.close()
        self.feed, self.boot = feed, archive.boot

    def numbers(self, instance: str = "a") -> list[int]:
        """The numbers of an instance's lines that were told."""
        return [int(text.split()[0]) for text in self.told.get(instance, [])]

    def lost(self) -> int:
        """Lines that it was told to have missed; all of them must be known."""
        return sum(missed.lines for missed in self.missed if missed.lines is not None)
