"""A reader whose tail breaks off before it is live goes on from where it stood: nothing older, and nothing left out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from libs.loglines.selection import Selection, parse
from services.logger.archive import Archive, Bounds
from services.logger.feed import Cursor
from tests.unit.logger.following import APP, UUID, Reader, at_once, numbered

ALL = Selection()


def resumed(archive: Archive, begun: Reader, selection: Selection = ALL) -> Reader:
    """Another reader, who knows no more than where the first one stood."""
    cursor = Cursor(begun.boot, begun.feed.start)
    begun.feed.close()
    return Reader(archive.feed(APP, UUID, selection, after=cursor), archive.boot)


def told_apart(archive: Archive) -> None:
    """An instance that spoke first, and one that spoke last."""
    archive.take(numbered(0, 50, instance="a"))
    archive.take(numbered(50, 50, instance="b"))


@pytest.mark.parametrize("boots", [1, 2], ids=["in the same memory", "in another one"])
@pytest.mark.parametrize(("lines", "a", "b"), [(0, 50, 100), (10, 50, 90), (60, 40, 50), (1000, 0, 50)])
async def test_what_was_asked_for_and_all_that_came_since_is_told(boots: int, lines: int, a: int, b: int) -> None:
    archives = [Archive(Bounds()) for _ in range(boots)]
    told_apart(archives[0])
    begun = Reader(archives[0].feed(APP, UUID, ALL, lines=lines), archives[0].boot)
    if boots == 2:
        told_apart(archives[1])
    archives[-1].take(numbered(100, 5, instance="a"))
    archives[-1].take(numbered(105, 5, instance="c"))
    reader = resumed(archives[-1], begun)
    await reader.read()
    assert reader.numbers("a") == [*range(a, 50), *range(100, 105)]
    assert reader.numbers("b") == list(range(b, 100))
    assert reader.numbers("c") == list(range(105, 110))
    assert reader.missed == []


async def test_a_memory_that_reaches_further_back_tells_nothing_older() -> None:
    small, large = Archive(Bounds(lines=10)), Archive(Bounds())
    for archive in (small, large):
        archive.take(numbered(0, 50))
    begun = Reader(small.feed(APP, UUID, ALL, lines=100), small.boot)
    reader = resumed(large, begun)
    await reader.read()
    assert reader.numbers() == list(range(40, 50))
    assert reader.missed == []


async def test_where_there_was_nothing_all_that_comes_is_told() -> None:
    archive = Archive(Bounds())
    begun = Reader(archive.feed(APP, UUID, ALL), archive.boot)
    assert begun.feed.start == {}
    archive.take(numbered(0, 5))
    reader = resumed(archive, begun)
    await reader.read()
    assert reader.numbers() == list(range(5))


async def test_with_a_pattern_it_is_known_with_the_first_batch() -> None:
    archive, selection = Archive(Bounds()), parse({"grep": "7"}, now=datetime.now(UTC))
    told_apart(archive)
    begun = Reader(archive.feed(APP, UUID, selection, lines=2), archive.boot)
    while await at_once(begun.feed) is None:
        pass
    reader = resumed(archive, begun, selection)
    await reader.read()
    assert (reader.numbers("a"), reader.numbers("b")) == ([], [87, 97])
