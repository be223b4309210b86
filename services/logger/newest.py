"""Reading what a ring holds: the last lines that pass a selection, merged by time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from operator import itemgetter
from time import monotonic
from typing import NamedTuple

from libs.loglines import lines_of, render
from libs.loglines.selection import BadSelection, Selection
from services.logger.ring import Ring, Source

SEARCH_SECONDS = 10.0  # that the search of one read with a pattern may take
_SEARCHES = ThreadPoolExecutor(2, thread_name_prefix="grep")  # RE2 lets the loop run on while it searches

Block = tuple[int, bytes, int]  # the index of the first line, the lines, how many


class Found(NamedTuple):
    """A line of a source, in the stored form without its newline. `key` is what lines are merged by."""

    key: bytes  # its time, but never less than that of an earlier line of its source
    number: int
    source: Source
    stored: bytes


def wanted(ring: Ring, selection: Selection) -> list[Source]:
    """The sources that a selection is about."""
    return [source for source in ring.sources() if selection.wants(source.process, source.instance, source.release)]


def last_lines(ring: Ring, selection: Selection, count: int) -> list[Found]:
    """The last `count` lines that pass, oldest first; each source's in its own order."""
    kept = ((source, source.first, source.run.newest()) for source in wanted(ring, selection))
    return _last(kept, selection, count)


async def last_lines_aside(ring: Ring, selection: Selection, count: int) -> list[Found]:
    """The same for a reader whose pattern may take long: it holds up nobody. Raises `BadSelection` when it does."""
    if selection.grep is None or count <= 0:
        return last_lines(ring, selection, count)
    kept = [(source, source.first, list(source.run.newest())) for source in wanted(ring, selection)]
    return await asyncio.get_running_loop().run_in_executor(_SEARCHES, _search, kept, selection, count)


def _search(kept: list[tuple[Source, int, list[Block]]], selection: Selection, count: int) -> list[Found]:
    """`_last` within the time that a search may take; waiting for its turn is no part of that."""
    deadline = monotonic() + SEARCH_SECONDS
    return _last(
        ((source, first, _until(deadline, selection, blocks)) for source, first, blocks in kept), selection, count
    )


def _until(deadline: float, selection: Selection, blocks: Iterable[Block]) -> Iterator[Block]:
    for block in blocks:
        if monotonic() > deadline:
            raise BadSelection(
                f"grep is {selection.grep!r}; its search took longer than {SEARCH_SECONDS:g} s;"
                " it must be a simpler pattern, or process or instance must leave it fewer lines"
            )
        yield block


def _last(kept: Iterable[tuple[Source, int, Iterable[Block]]], selection: Selection, count: int) -> list[Found]:
    found: list[Found] = []
    for source, first, blocks in kept:
        found += _last_of(source, first, blocks, selection, count)
    found.sort(key=itemgetter(0))
    return found[max(len(found) - count, 0) :]


def _last_of(source: Source, begin: int, blocks: Iterable[Block], selection: Selection, count: int) -> Iterator[Found]:
    """A source's last lines that pass."""
    numbers: list[int] = []  # newest first
    lines: list[bytes] = []
    if count > 0:
        for first, block, _ in blocks:
            stored = block.split(b"\n")
            stored.pop()
            chosen = range(len(stored)) if selection.whole else selection.chosen(stored)
            numbers += [begin + first + index for index in reversed(chosen)]
            lines += [stored[index] for index in reversed(chosen)]
            if len(lines) >= count:
                break
    del numbers[count:], lines[count:]
    numbers.reverse()
    lines.reverse()
    keys = accumulate((line[:16] for line in lines), max)
    return map(Found, keys, numbers, [source] * len(lines), lines)


def rendered(app: str, lines: list[Found]) -> bytes:
    """The lines as users see them, each with a newline (`libs.loglines.render` says how)."""
    return b"".join(
        b"%b\n" % render(app, found.source.process, line) for found in lines for line in lines_of(found.stored + b"\n")
    )
