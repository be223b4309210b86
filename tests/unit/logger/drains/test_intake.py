"""How lines come to a drain, whatever becomes of the rings that they are in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from libs.keyspace.document import now
from libs.keyspace.records import Drain
from libs.loglines import Frame, Header, Kind, encode, nanoseconds
from libs.loglines.selection import Selection, parse
from services.logger.archive import Archive, Bounds
from services.logger.drains.buffer import Buffer
from services.logger.drains.intake import Intake
from services.logger.drains.resuming import Start, start_of
from tests.support.waiting import eventually


class App:
    """An app that says lines into an archive; `behind` is how many seconds its node's clock is late."""

    def __init__(self, archive: Archive, name: str, *, behind: int = 0) -> None:
        self.archive, self.name, self.said, self.behind = archive, name, 0, behind
        self.instance = f"i-{name}"

    def block(self, count: int, *, size: int = 0) -> bytes:
        at = nanoseconds(now()) - self.behind * 1_000_000_000
        return b"".join(encode(at + n, Kind.OUT, b"%d" % (self.said + n) + b"." * size) for n in range(count))

    def say(self, count: int = 1, *, size: int = 0) -> None:
        self.put(self.block(count, size=size))

    def put(self, block: bytes) -> None:
        count = block.count(b"\n")
        header = Header(
            app=self.name,
            app_uuid=f"u-{self.name}",
            process="web.1",
            instance=self.instance,
            release=1,
            reading="r",
            first=self.said,
            lines=count,
            bytes=len(block),
            position="",
        )
        self.said += count
        self.archive.take(Frame(header, block))


def beginning(*, filled: bool = False) -> Start:
    """Where a new drain begins."""
    drain = Drain(id="d", app="one", owner="ann", url="syslog://h:1", token="t", created=now())
    return start_of(drain, None, [], filled=filled)


@asynccontextmanager
async def taking(
    archive: Archive, buffer: Buffer, start: Start | None = None, select: Selection | None = None
) -> AsyncIterator[None]:
    """A drain of the app `one`, a new one by itself, while the body runs."""
    intake = Intake(archive, buffer, start or beginning(), lambda: None, select or Selection())
    archive.on_ring(lambda _, uuid: intake.ring_began(uuid))
    intake.follow({"u-one": "one"})
    async with asyncio.TaskGroup() as group:
        task = group.create_task(intake.run())
        while not ((ring := archive.ring("one", "u-one")) and ring.listeners):  # noqa: ASYNC110 - a ring has no event
            await asyncio.sleep(0)  # no longer than that: it reads on at once
        yield
        task.cancel()


def texts(buffer: Buffer) -> list[int]:
    return [int(line[17:]) for lot in buffer.take(1 << 30) for line in lot.block.split(b"\n") if line]


async def test_a_ring_that_was_let_go_of_and_begins_again_is_taken_on() -> None:
    archive, buffer = Archive(Bounds(rings=2)), Buffer(size=1 << 20, age=900.0)
    one = App(archive, "one")
    async with taking(archive, buffer):
        one.say(3)
        await eventually(lambda: buffer.lines == 3)
        others = [archive.feed(name, f"u-{name}", Selection()) for name in ("two", "three")]
        assert "u-one" not in archive.rings()
        one.say(2)
        one.say(2)
        await eventually(lambda: buffer.lines == 7)
        assert texts(buffer) == [0, 1, 2, 3, 4, 5, 6]
        for other in others:
            other.close()


async def test_a_ring_that_began_again_before_anybody_looked_is_taken_on_too() -> None:
    archive, buffer = Archive(Bounds(rings=1)), Buffer(size=1 << 20, age=900.0)
    one = App(archive, "one")
    async with taking(archive, buffer):
        one.say(3)
        other = archive.feed("two", "u-two", Selection())
        one.say(2)
        await eventually(lambda: buffer.lines == 5)
        assert texts(buffer) == [0, 1, 2, 3, 4]
        other.close()


async def test_a_ring_that_fills_again_with_what_still_waits_gives_it_once() -> None:
    archive, buffer = Archive(Bounds()), Buffer(size=1 << 20, age=900.0)
    one = App(archive, "one")
    async with taking(archive, buffer):
        first = one.block(3)
        one.put(first)
        await eventually(lambda: buffer.lines == 3)
        archive.forget("u-one")
        one.said = 0
        one.put(first)
        one.say()
        await eventually(lambda: buffer.lines >= 4)
        assert texts(buffer) == [0, 1, 2, 3]


async def test_a_ring_that_goes_before_it_was_read_is_told_as_lost() -> None:
    archive, buffer = Archive(Bounds()), Buffer(size=1 << 20, age=900.0)
    one = App(archive, "one")
    for _ in range(10):
        one.say(500, size=1000)
    async with taking(archive, buffer, Start(), parse({"stream": "stderr"}, now=now())):
        archive.forget("u-one")
        await eventually(lambda: buffer.losses.is_due(0.0))
        assert b"an unknown number of messages" in buffer.losses.tell(0.0)


@pytest.mark.parametrize("behind", [-3600, 0, 3600])
async def test_a_new_drain_takes_what_comes_whatever_a_nodes_clock_says_and_nothing_else(behind: int) -> None:
    archive, buffer = Archive(Bounds()), Buffer(size=1 << 20, age=900.0)
    one = App(archive, "one", behind=behind)
    one.say(3)
    async with taking(archive, buffer, beginning(filled=True)):
        one.say(4)
        new = App(archive, "one", behind=behind)
        new.instance = "i-new"
        new.say(2)
        await eventually(lambda: buffer.lines == 6)
        assert texts(buffer) == [3, 4, 5, 6, 0, 1]


@pytest.mark.parametrize(("behind", "taken"), [(3600, []), (-3600, [0, 1, 2])])
async def test_of_history_that_is_filled_in_again_a_new_drain_takes_what_says_that_it_is_later(
    behind: int, taken: list[int]
) -> None:
    archive, buffer = Archive(Bounds()), Buffer(size=1 << 20, age=900.0)
    history, late = App(archive, "one", behind=behind), App(archive, "one")
    late.instance = "i-late"
    async with taking(archive, buffer, beginning()):
        history.say(3)
        late.say(1)
        await eventually(lambda: buffer.lines == len(taken) + 1)
        assert texts(buffer) == [*taken, 0]


async def test_a_ring_that_is_filled_again_gives_a_new_drain_no_history_of_others() -> None:
    archive, buffer = Archive(Bounds()), Buffer(size=1 << 20, age=900.0)
    one, old, unheard = (App(archive, "one", behind=behind) for behind in (0, 60, 60))
    old.instance, unheard.instance = "i-old", "i-unheard"
    before, first = old.block(5), one.block(1)
    old.put(before)
    async with taking(archive, buffer, beginning(filled=True)):
        one.put(first)
        await eventually(lambda: buffer.lines == 1)
        archive.forget("u-one")
        old.said = one.said = 0
        old.put(before)
        unheard.say(7)
        one.put(first)
        one.say(1)
        await eventually(lambda: buffer.lines == 2)
        assert texts(buffer) == [0, 1]
