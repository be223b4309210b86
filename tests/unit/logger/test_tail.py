"""A tail's conversation, over a socket that is none."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import cast

import pytest

from libs.keyspace.records import Ticket
from libs.loglines.tail import Cursor, End, Live, Place, Places, Ready, begin, event_of, parts_of
from libs.sockets.serving import Socket
from services.logger import tail as tails
from services.logger.archive import Archive, Bounds
from services.logger.tail import Tail
from services.logger.tail_counts import TailCounts
from services.logger.tail_ends import STOPPING, Right
from services.logger.tail_pieces import Pieces
from tests.support.waiting import eventually

TICKET = Ticket(kind="logs", app="shop", app_uuid="u1", username="ann", created=datetime(2026, 1, 1, tzinfo=UTC))


class Said:
    """A reader that said one thing, and hears everything, unless it is `deaf`."""

    def __init__(self, *said: str | bytes, deaf: bool = False) -> None:
        self._said = list(said)
        self._deaf = deaf
        self.heard: list[str | bytes] = []
        self.code = 0
        self.aborted = False

    async def receive(self) -> str | bytes:
        if not self._said:
            await asyncio.Event().wait()
        return self._said.pop(0)

    async def send(self, message: str | bytes) -> None:
        if self._deaf:
            await asyncio.Event().wait()
        self.heard.append(message)

    async def close(self, code: int, reason: str = "") -> None:
        self.code = code

    def abort(self) -> None:
        self.aborted = True

    def kinds(self) -> list[type[object]]:
        return [type(event_of(one)) for one in self.heard if isinstance(one, str)]


class Stage:
    def __init__(self) -> None:
        self.archive = Archive(Bounds())
        self.counts = TailCounts()
        self.tail = Tail(Right(TICKET), self.archive, Pieces(), self.counts, logger="n1", left=lambda _: None)

    async def talk(self, reader: Said) -> None:
        await self.tail.talk(cast("Socket", reader))

    def end(self, reader: Said) -> tuple[str, int]:
        last = reader.heard[-1]
        assert isinstance(last, str)
        event = event_of(last)
        assert isinstance(event, End)
        return event.reason, reader.code


async def test_a_tail_whose_ring_had_to_go_sends_its_reader_for_a_new_ticket() -> None:
    stage, reader = Stage(), Said(begin(10, {}))
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.talk(reader))
        await eventually(lambda: Live in reader.kinds())
        stage.archive.say("shop", "u1", 7, "hello")
        await eventually(lambda: any(isinstance(one, bytes) for one in reader.heard))
        stage.archive.forget("u1")
    assert reader.kinds() == [Ready, Places, Live, End]
    assert stage.end(reader) == ("moved", 1012)
    [lines] = [one for one in reader.heard if isinstance(one, bytes)]
    [part] = parts_of(lines)
    assert (part.source.process, part.source.instance, part.block[17:]) == ("deis", "", b"hello\n")
    assert stage.counts.bytes == len(lines)
    assert stage.counts.ends == {"moved": 1}


async def test_a_reader_without_a_cursor_is_told_where_it_stands_before_any_line() -> None:
    stage, reader = Stage(), Said(begin(1, {}))
    for at in (7, 8):
        stage.archive.say("shop", "u1", at, "hello")
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.talk(reader))
        await eventually(lambda: Live in reader.kinds())
        stage.tail.end(STOPPING)
    _, told, lines, *_ = reader.heard
    assert isinstance(told, str)
    assert isinstance(lines, bytes)
    places = event_of(told)
    assert isinstance(places, Places)
    part, whole = parts_of(lines)
    assert (whole.source.instance, whole.source.lines, whole.source.next) == ("~", 0, 2)
    assert places.sources["~"].next < 2  # as long as that line is not told
    assert places.sources[""].next == part.source.next - 1
    assert (places.sources[""].at, places.sources[""].nth) == (7, 1)


async def test_a_reader_with_a_cursor_knows_where_it_stands() -> None:
    stage = Stage()
    cursor = Cursor(stage.archive.boot, {"": Place(stage.archive.boot, 0, 0, 0)})
    reader = Said(begin(1, {}, cursor))
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.talk(reader))
        await eventually(lambda: Live in reader.kinds())
        stage.tail.end(STOPPING)
    assert reader.kinds() == [Ready, Live, End]


async def test_the_first_reason_counts_and_the_feed_is_closed() -> None:
    stage, reader = Stage(), Said(begin(0, {}))
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.talk(reader))
        await eventually(lambda: Live in reader.kinds())
        stage.tail.end(STOPPING)
        stage.tail.end(STOPPING._replace(reason="gone"))
    assert stage.end(reader) == ("stopping", 1012)
    ring = stage.archive.ring("shop", "u1")
    assert ring is not None
    assert ring.listeners == {}


async def test_an_end_before_the_beginning_is_told() -> None:
    stage, reader = Stage(), Said()
    stage.tail.end(STOPPING)
    await stage.talk(reader)
    assert stage.end(reader) == ("stopping", 1012)
    assert stage.archive.ring("shop", "u1") is None


async def test_a_reader_that_does_not_hear_its_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tails, "FAREWELL_SECONDS", 0.01)
    stage, reader = Stage(), Said(begin(0, {}), deaf=True)
    async with asyncio.TaskGroup() as group:
        group.create_task(stage.talk(reader))
        await asyncio.sleep(0)
        stage.tail.end(STOPPING)
    assert reader.aborted


async def test_a_refused_beginning_makes_no_ring() -> None:
    stage, reader = Stage(), Said(begin(0, {"colour": "red"}))
    await stage.talk(reader)
    assert stage.end(reader) == ("bad", 1008)
    assert stage.archive.ring("shop", "u1") is None
