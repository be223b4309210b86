"""Over HTTP: reads with a costly pattern, when there are too many of them, and when their readers leave."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from libs.loglines.pattern import Pattern
from libs.web import listen
from services.logger import sifting
from services.logger.api import LogApi
from services.logger.archive import Archive, Bounds
from services.logger.reads import MOST_OF_APP
from services.logger.sifting import Sifting
from tests.support.waiting import eventually
from tests.unit.logger.following import UUID, numbered


@pytest.fixture
def looks() -> list[str]:
    """A word for each time that a pattern was asked."""
    return []


@pytest.fixture
def go_on(monkeypatch: pytest.MonkeyPatch, looks: list[str]) -> threading.Event:
    """Until this is set no pattern gets an answer."""
    go_on, lines = threading.Event(), Pattern.lines

    def held(pattern: Pattern, asked: Sequence[bytes]) -> list[int]:
        assert go_on.wait(30)
        looks.append("asked")
        return lines(pattern, asked)

    monkeypatch.setattr(Pattern, "lines", held)
    monkeypatch.setattr(sifting, "SLICE", 0)  # every slice, which here is an instance's lines, is one for the threads
    return go_on


@pytest.fixture
def archive() -> Archive:
    archive = Archive(Bounds())
    archive.sifting = Sifting(1)
    archive.take(numbered(0, 10))
    archive.take(numbered(0, 10, instance="b"))
    return archive


@pytest.fixture
async def shop(archive: Archive) -> AsyncIterator[str]:
    api = LogApi(archive, {"shop": UUID}.get, token="t", open_reads=True)
    async with listen(api.application(CollectorRegistry()), "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}/shop"


async def test_a_read_that_finds_no_place_is_503_and_told_to_come_again(
    shop: str, archive: Archive, go_on: threading.Event
) -> None:
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:

        async def read() -> str:
            async with session.get(shop, params={"grep": "^7 "}) as answer:
                assert answer.status == 200
                return await answer.text()

        reads = [group.create_task(read()) for _ in range(MOST_OF_APP)]
        await eventually(lambda: archive.sifting.aside.waiting == MOST_OF_APP - 1)
        async with session.get(shop, params={"grep": "x"}) as refused:
            assert refused.status == 503
            assert int(refused.headers["Retry-After"]) > 0
            assert f"{MOST_OF_APP} reads of shop look for a grep now" in (await refused.json())["detail"]
        go_on.set()
    assert all(one.result().count("\n") == 2 for one in reads)


async def test_readers_that_left_free_their_places_though_their_patterns_are_slow(
    shop: str, archive: Archive, go_on: threading.Event, looks: list[str]
) -> None:
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        reads = [group.create_task(session.get(shop, params={"grep": "x"})) for _ in range(MOST_OF_APP)]
        await eventually(lambda: archive.sifting.aside.waiting == MOST_OF_APP - 1)
        for one in reads:
            one.cancel()

    async def status(**select: str) -> int:
        async with aiohttp.ClientSession() as session, session.get(shop, params=select) as answer:
            return answer.status

    assert await status() == 200  # the logger has heard by now that the others left
    go_on.set()

    async def has_room() -> bool:
        return await status(grep="^7 ") == 200

    await eventually(has_room)
    assert len(looks) == MOST_OF_APP + 2  # each of those had one of its two slices
