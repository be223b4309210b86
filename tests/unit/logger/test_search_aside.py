"""A read whose pattern takes long holds up nobody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from functools import partial
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.loglines.pattern import Pattern, pattern
from libs.loglines.selection import BadSelection, Selection
from services.logger import search, sifting
from services.logger.archive import Archive, Bounds
from services.logger.aside import Aside
from services.logger.newest import last_lines
from services.logger.ring import Ring
from services.logger.search import Search, last_lines_aside, line_begin
from services.logger.sifting import Sifter, Sifting
from tests.support.waiting import eventually
from tests.unit.logger.following import APP, UUID, numbered

ODD = Selection(grep="^[0-9]*[13579] ")


def ring_of(archive: Archive) -> Ring:
    for first in range(0, 100, 10):
        archive.take(numbered(first, 10))
        archive.take(numbered(first, 10, instance="b"))
    ring = archive.ring(APP, UUID)
    assert ring is not None
    return ring


@pytest.mark.parametrize("size", [0, 50, 4096])
@pytest.mark.parametrize("count", [0, 1, 7, 1000])
async def test_it_finds_what_a_search_at_once_finds(monkeypatch: pytest.MonkeyPatch, count: int, size: int) -> None:
    monkeypatch.setattr(sifting, "SLICE", size)
    monkeypatch.setattr(search, "SLICE", size)
    ring = ring_of(Archive(Bounds()))
    for selection in (ODD, Selection(grep="x"), Selection(grep="1", instance="b", until=70)):
        found = await last_lines_aside(ring, selection, count, Sifting())
        assert found == last_lines(ring, selection, count)


async def test_lines_are_stored_while_a_search_is_under_way_and_what_came_since_is_no_part_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sifting, "SLICE", 0)  # every slice is one for the threads
    archive = Archive(Bounds(lines=200))
    ring, lines = ring_of(archive), Pattern.lines
    under_way, go_on = threading.Event(), threading.Event()

    def held(one: Pattern, texts: Sequence[bytes]) -> list[int]:
        under_way.set()
        assert go_on.wait(30)
        return lines(one, texts)

    monkeypatch.setattr(Pattern, "lines", held)
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(last_lines_aside(ring, ODD, 1000, archive.sifting))
        await eventually(under_way.is_set)
        archive.take(numbered(100, 60))
        assert ring.lines == 200
        go_on.set()
    numbers = {int(found.stored[17:]) for found in looking.result()}
    assert max(numbers) == 99
    assert len(looking.result()) < 100  # of what went from the ring, only what was under way was found


async def test_a_search_that_takes_too_long_ends_and_says_what_would_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "SEARCH_SECONDS", -1)
    monkeypatch.setattr(search, "SLICE", 50)
    monkeypatch.setattr(sifting, "PATIENCE", -1)  # slow from its second slice on
    with pytest.raises(BadSelection, match=r"grep is 'x'.*a simpler pattern"):
        await last_lines_aside(ring_of(Archive(Bounds())), Selection(grep="x"), 1, Sifting())


async def test_slow_reads_of_an_app_are_answered_one_after_another_and_those_of_others_beside_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "SLICE", 50)
    monkeypatch.setattr(sifting, "PATIENCE", -1)
    shared, lines, asked = Sifting(1), Pattern.lines, list[Pattern]()

    def noted(one: Pattern, texts: Sequence[bytes]) -> list[int]:
        asked.append(one)
        return lines(one, texts)

    monkeypatch.setattr(Pattern, "lines", noted)
    ring, other = ring_of(Archive(Bounds())), ring_of(Archive(Bounds()))
    async with asyncio.TaskGroup() as group:
        for grep in ("x", "y", "z"):
            group.create_task(last_lines_aside(ring, Selection(grep=grep), 5, shared))
        group.create_task(last_lines_aside(other, Selection(grep="w"), 5, shared))
    for grep in "wxyz":
        asked.remove(pattern(grep))  # each is quick until its first slice was not
    theirs = [one for one in asked if one is not pattern("w")]
    assert [one for one, _ in groupby(theirs)] == [pattern(grep) for grep in ("x", "y", "z")]
    of_other = [at for at, one in enumerate(asked) if one is pattern("w")]
    assert of_other[-1] < 2 * len(of_other) + 2  # it had every other turn from the beginning


async def test_who_waits_for_a_thread_has_its_turn_however_much_another_waits_for() -> None:
    aside, go_on = Aside(1), threading.Event()
    done = list[str]()

    def work() -> None:
        assert go_on.wait(30)

    futures = [aside.run("a", work, partial(done.append, "a")) for _ in range(10)]
    futures += [aside.run(key, work, partial(done.append, key)) for key in "bcb"]
    go_on.set()
    for future in futures:
        await future
    assert "".join(done) == "aabcab" + "a" * 7


async def test_a_slow_pattern_goes_to_the_threads_and_comes_back_when_it_was_quick_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, cost, where = [0.0], [0.0], list[bool]()
    main, lines = threading.current_thread(), Pattern.lines

    def timed(one: Pattern, texts: Sequence[bytes]) -> list[int]:
        clock[0] += cost[0]
        where.append(threading.current_thread() is main)
        return lines(one, texts)

    monkeypatch.setattr(Pattern, "lines", timed)
    monkeypatch.setattr(sifting, "thread_time", lambda: clock[0])
    monkeypatch.setattr(search, "SLICE", 50)
    sifter, ring = Sifter(Sifting(), "key"), ring_of(Archive(Bounds()))

    async def slices(seconds: float) -> tuple[int, int]:
        """How many were looked at on the loop, and how many in threads, if each takes so long."""
        where.clear()
        cost[0] = seconds
        await sifter.finish(Search(ring, ODD, 1000))
        return where.count(True), where.count(False)

    here, aside = await slices(1e-6)
    assert here > 60
    assert aside == 0
    assert await slices(0.012) == (1, here - 1)
    probation = 2 * sifting.PROBATION
    there = sum([(await slices(1e-6))[1] for _ in range(1 + probation // here)])
    assert there in {probation, probation + 1}
    assert await slices(1e-6) == (here, 0)


LINES = st.lists(st.integers(0, 90).map(lambda size: b"x" * size + b"\n"), min_size=1, max_size=30)


@settings(deadline=None)
@given(LINES, st.integers(0, 120))
def test_slices_from_the_end_are_whole_lines_of_the_size_that_is_wanted_or_one_line(
    lines: list[bytes], size: int
) -> None:
    block = b"".join(lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "SLICE", size)
        end = len(block)
        while end:
            begin = line_begin(block, end)
            assert begin == 0 or block[begin - 1 : begin] == b"\n"
            assert end - begin <= size or block.count(b"\n", begin, end) == 1
            end = begin
