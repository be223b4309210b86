"""The way of a line: lines a second through each part, and what kept lines weigh."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import structlog
import uvloop

from libs.engine import LogPiece
from libs.engine.drivers.memory import MemoryEngine
from libs.loglines import Frame, Header, Kind, encode, pack, unpack
from libs.loglines.selection import Selection
from services.log_agent.reading import Reading
from services.logger.archive import Archive, Bounds
from services.logger.newest import last_lines, rendered
from tests.bench.report import Row
from tests.integration.logger.world import World
from tests.support.waiting import eventually

APPS = 50
TEXT = b"x" * 160
BEGIN = 1_700_000_000_000_000_000  # ns


def frames(apps: int, rounds: int, lines: int) -> Iterator[Frame]:
    """Frames of so many lines from each app in turn."""
    for turn in range(rounds):
        first = turn * lines
        block = b"".join(encode(BEGIN + first + n, Kind.OUT, TEXT) for n in range(lines))
        for app in range(apps):
            header = Header(
                app=f"app-{app}",
                app_uuid=f"uuid-{app}",
                process="web.1",
                instance=f"i{app}",
                release=1,
                reading="r",
                first=first,
                lines=lines,
                bytes=len(block),
                position="p",
            )
            yield Frame(header, block)


def ingest(lines: int) -> Row:
    """Batches as they come from the network, checked and stored; the rings are full for half of it."""
    rounds = 20_000 // lines
    batches = [pack([frame]) for frame in frames(APPS, rounds, lines)]
    archive = Archive(Bounds())
    began = time.process_time()
    for batch in batches:
        for frame in unpack(batch):
            archive.take(frame)
    seconds = time.process_time() - began
    return Row("logger", f"ingest, frames of {lines} lines", archive.counts.stored / seconds, "lines/s of CPU")


def followed(feeds: int, grep: str | None = None) -> Row:
    """The same in frames of 50 lines, while feeds of the first app, by an equal selection, read all that comes."""
    batches = [pack([frame]) for frame in frames(APPS, 400, 50)]
    archive, told = Archive(Bounds()), 0
    names = Selection(grep=grep)

    async def follow() -> float:
        nonlocal told
        readers = [archive.feed("app-0", "uuid-0", names) for _ in range(feeds)]
        for reader in readers:
            await reader.batch()
        began = time.process_time()
        for index, batch in enumerate(batches):
            for frame in unpack(batch):
                archive.take(frame)
            if index % (20 * APPS) == 0:
                for reader in readers:
                    told += sum(piece.lines for piece in (await reader.batch()).pieces)
        return time.process_time() - began

    seconds = asyncio.run(follow())
    assert told
    what = f"ingest, frames of 50 lines, {feeds} feeds" + (" that grep" if grep else "")
    return Row("logger", what, archive.counts.stored / seconds, "lines/s of CPU")


def read_history() -> Row:
    """10,000 lines read and rendered."""
    archive = Archive(Bounds())
    for frame in frames(1, 100, 100):
        archive.take(frame)
    ring = archive.ring("app-0")
    assert ring is not None
    began = time.process_time()
    body = rendered("app-0", last_lines(ring, Selection(), 10_000))
    seconds = time.process_time() - began
    assert body.count(b"\n") == 10_000
    return Row("logger", "10,000 lines read and rendered", seconds * 1000, "ms of CPU", 100)


def memory() -> list[Row]:
    """100 apps with 10,000 lines each, from frames of ten lines. (What is resident, the logger's own process tells.)"""
    archive = Archive(Bounds(memory=1 << 40))
    for frame in frames(100, 1000, 10):
        archive.take(frame)
    raw = archive.lines() * len(TEXT)
    return [Row("logger", "kept lines, measured by itself, of the raw bytes", archive.weight / raw, "times", 1.2)]


def reading() -> Row:
    """An instance's pieces made into stored lines."""
    pieces = [LogPiece(BEGIN + n, "stdout", TEXT + b"\n") for n in range(200_000)]
    one, size = Reading(), 0
    began = time.process_time()
    for piece in pieces:
        for line in one.add(piece):
            size += len(line)
    seconds = time.process_time() - began
    return Row("log_agent", "pieces read", len(pieces) / seconds, "lines/s of CPU")


async def whole_way(lines: int) -> list[Row]:
    """From an engine in memory through agent, HTTP and logger, all in this one process."""
    with tempfile.TemporaryDirectory() as home:
        engine = MemoryEngine()
        engine.add_image("app")
        world = World(Path(home), engine)
        names = [await world.start(f"i{n}", app=f"app-{n}") for n in range(10)]
        for name in names:
            pieces = [LogPiece(BEGIN + n, "stdout", TEXT + b"\n") for n in range(lines)]
            engine.host.rows[name].output.extend(pieces)
        began, wall = time.process_time(), time.perf_counter()
        async with world.logger() as logger, world.agent():
            stored = partial(logger.registry.get_sample_value, "deis_logger_lines_total", {"fate": "stored"})
            kept = 10.0 * lines
            await eventually(lambda: stored() == kept, within=600)
            seconds, walls = time.process_time() - began, time.perf_counter() - wall
            delays = []
            for n in range(200):
                sent = time.perf_counter()
                engine.say(names[0], b"%d\n" % n)
                kept += 1
                while stored() != kept:  # noqa: ASYNC110 - the logger tells nobody of a line, so it is looked at
                    await asyncio.sleep(0.0005)
                delays.append((time.perf_counter() - sent) * 1000)
        delays.sort()
    return [
        Row("both", "engine to ring, agent and logger on one core", 10 * lines / seconds, "lines/s of CPU"),
        Row("both", "the same, wall clock", 10 * lines / walls, "lines/s"),
        Row("both", "said to kept, median", delays[100], "ms", 50),
        Row("both", "said to kept, p99", delays[198], "ms", 250),
    ]


def run() -> list[Row]:
    """Every measurement, on one core, without a platform."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    rows = [
        *(ingest(lines) for lines in (1, 10, 60, 400)),
        followed(1),
        followed(20),
        followed(20, "x$"),
        read_history(),
        *memory(),
        reading(),
    ]
    return rows + uvloop.run(whole_way(50_000))
