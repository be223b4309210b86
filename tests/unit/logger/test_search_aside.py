"""A read whose pattern takes long holds up nobody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from libs.loglines.pattern import Pattern
from libs.loglines.selection import BadSelection, Selection
from services.logger import newest
from services.logger.archive import Archive, Bounds
from services.logger.newest import last_lines, last_lines_aside
from services.logger.ring import Ring
from tests.unit.logger.following import APP, UUID, numbered


def ring_of(archive: Archive) -> Ring:
    for first in range(0, 100, 10):
        archive.take(numbered(first, 10))
    ring = archive.ring(APP, UUID)
    assert ring is not None
    return ring


async def test_lines_are_stored_while_a_search_is_under_way_and_it_answers_as_of_its_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive = Archive(Bounds(lines=100))
    ring, odd = ring_of(archive), Selection(grep="^[0-9]*[13579] ")
    expected = last_lines(ring, odd, 7)
    under_way, go_on, lines = asyncio.Event(), threading.Event(), Pattern.lines
    loop = asyncio.get_running_loop()

    def held(pattern: Pattern, texts: Sequence[bytes]) -> list[int]:
        loop.call_soon_threadsafe(under_way.set)
        assert go_on.wait(30)
        return lines(pattern, texts)

    async def store() -> None:
        await under_way.wait()
        archive.take(numbered(100, 50))  # half of what is searched goes
        go_on.set()

    monkeypatch.setattr(Pattern, "lines", held)
    async with asyncio.TaskGroup() as group:
        group.create_task(store())
        found = await last_lines_aside(ring, odd, 7)
    assert found == expected


async def test_a_search_that_takes_too_long_ends_and_says_what_would_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newest, "SEARCH_SECONDS", -1)
    with pytest.raises(BadSelection, match=r"grep is 'x'.*a simpler pattern"):
        await last_lines_aside(ring_of(Archive(Bounds())), Selection(grep="x"), 1)
