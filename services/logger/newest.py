"""Reading what a ring holds: the last lines that pass a selection, merged by time."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple

from libs.loglines import lines_of, render
from libs.loglines.selection import Selection
from services.logger.ring import Ring, Source


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
    return merged((_last_of(source, selection, count) for source in wanted(ring, selection)), count)


def merged(kept: Iterable[tuple[Source, list[int], list[bytes]]], count: int) -> list[Found]:
    """The last `count` of some sources' lines; each has its numbers and its lines, oldest first."""
    found: list[Found] = []
    for source, numbers, lines in kept:
        keys = accumulate((line[:16] for line in lines), max)
        found += map(Found, keys, numbers, [source] * len(lines), lines)
    found.sort(key=itemgetter(0))
    return found[max(len(found) - count, 0) :]


def _last_of(source: Source, selection: Selection, count: int) -> tuple[Source, list[int], list[bytes]]:
    """A source's last lines that pass, and their numbers."""
    numbers: list[int] = []  # newest first
    lines: list[bytes] = []
    if count > 0:
        begin = source.first
        for first, block, _ in source.run.newest():
            stored = block.split(b"\n")
            stored.pop()
            chosen = range(len(stored)) if selection.whole else selection.chosen(stored)
            numbers += [begin + first + index for index in reversed(chosen)]
            lines += [stored[index] for index in reversed(chosen)]
            if len(lines) >= count:
                break
    return source, numbers[:count][::-1], lines[:count][::-1]


def rendered(app: str, lines: list[Found]) -> bytes:
    """The lines as users see them, each with a newline (`libs.loglines.render` says how)."""
    return b"".join(
        b"%b\n" % render(app, found.source.process, line) for found in lines for line in lines_of(found.stored + b"\n")
    )
