"""What one core of the logger takes in while readers follow and a drain sends; history, memory; rsyslog beside it."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import aiohttp
import psutil
import uvloop

from libs.keyspace.records import Drain
from libs.store.shelf import Shelf
from tests.bench.logger_process import FULL, KEYS, PACED, TEXT, TOKEN, LoggerProcess, Shape, a_logger
from tests.bench.logger_reader import Heard, tail
from tests.bench.report import Row, percentile
from tests.support.ports import free_port
from tests.support.waiting import eventually

APPS = [f"app-{n}" for n in range(50)]
MANY = [f"many-{n}" for n in range(1000)]
LINES = 3_000_000
MB = 1_000_000
BIG = {"DEIS_LOGGER_MEMORY": str(8 << 30), "DEIS_LOGGER_DRAIN_INWARD": "true"}


class Sink(asyncio.Protocol):
    """Takes whatever comes, and is done with it."""

    def data_received(self, data: bytes) -> None:
        """As a receiver does that keeps nothing."""


@asynccontextmanager
async def sink() -> AsyncIterator[int]:
    """A receiver of a drain; yields its port."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def ingest(logger: LoggerProcess, what: str, least: float, shape: Shape) -> list[Row]:
    """Lines a second, of the clock and of the logger's core; what the lines cost it is held against the budget."""
    await logger.send(APPS, LINES // 10, shape)
    used, began = logger.used, time.perf_counter()
    await logger.send(APPS, LINES, shape)
    seconds, used = time.perf_counter() - began, logger.used - used
    what = f"ingest, {what}, frames of {shape.lines}"
    return [
        Row("logger", f"{what}: wall clock", LINES / seconds, "lines/s"),
        Row("logger", f"{what}: of one core", LINES / used, "lines/s of CPU"),
        Row("logger", f"{what}: of a core for 1,000 lines", used / LINES * 1_000_000, "ms", 1_000_000 / least),
    ]


async def told(logger: LoggerProcess, readers: list[Heard], stored: dict[str, int]) -> list[Row]:
    """Every line that was stored since was told, or told to be missed; ends the bench where that is not so."""
    since = sum(logger.next[one.app] - stored.get(one.app, 0) for one in readers)
    lines, missed = 0, 0

    def all_of_it() -> bool:
        nonlocal lines, missed
        lines, missed = sum(one.lines for one in readers), sum(one.missed for one in readers)
        return lines + missed >= since

    await eventually(all_of_it, what="the tails are told of all that was stored")
    assert lines + missed == since, f"{since} lines were stored, {lines} told, and {missed} told to be missed"
    return [
        Row("logger", f"the same: told to the tails, of {since:,} lines that were stored", lines / since * 100, "%"),
        Row("logger", "the same: told to be missed; with those that were told, each line once", missed, "lines"),
    ]


async def add_drain(logger: LoggerProcess, port: int, app: str) -> Callable[[], Awaitable[object]]:
    """A syslog drain, of one app or (empty) of the platform; returns what deletes it."""
    url, now, scope = f"syslog://127.0.0.1:{port}", datetime.now(UTC), f"uuid-{app}" if app else "platform"
    drain = Drain(id=f"d-{scope}-{port}", app=app, owner="root", url=url, token="d.bench", created=now)
    drains = Shelf(logger.store, KEYS.drains)
    await drains.create(drain, scope, drain.id)
    return partial(drains.delete, scope, drain.id)


async def followed(logger: LoggerProcess, readers: int, what: str, least: float, shape: Shape) -> list[Row]:
    """Ingest while tails of as many apps follow, and what they were told."""
    async with AsyncExitStack() as stack:
        stored = dict(logger.next)
        heard = [await stack.enter_async_context(tail(logger, app)) for app in APPS[:readers]]
        rows = await ingest(logger, what, least, shape)
        return rows + await told(logger, heard, stored)


async def drained(logger: LoggerProcess, app: str, shape: Shape) -> list[Row]:
    """The same with 20 tails and a syslog drain, of an app or (empty) of the platform; it sends or counts each."""
    fates = {fate: f'deis_logger_drain_lines{{fate="{fate}"}}' for fate in ("sent", "dropped", "waiting")}
    whose, whole = ("an app's", [app]) if app else ("the platform's", APPS)

    async def figures() -> dict[str, float]:
        return {fate: await logger.figure(name) for fate, name in fates.items()}

    async with sink() as port:
        delete = await add_drain(logger, port, app)

        async def flows() -> bool:
            await logger.send(APPS[:4], 400)
            return (await figures())["sent"] > 0

        async def rests() -> bool:
            return not (await figures())["waiting"]

        await eventually(flows, what="the drain takes lines")
        await eventually(rests, what="the drain has sent what there was")
        came, before = logger.sent(whole), await figures()
        rows = await followed(logger, 20, f"20 tails and {whose} syslog drain", 150_000, shape)
        await eventually(rests, what="the drain has sent what there was")
        stored, after = logger.sent(whole) - came, await figures()
        sent, dropped = (after[fate] - before[fate] for fate in ("sent", "dropped"))
        assert sent + dropped == stored, f"{stored} lines were stored, {sent} sent, and {dropped} counted as dropped"
        await delete()
        await eventually(lambda: _none(logger), what="the drain is gone")
    what = f"the same: sent by the drain, of {stored:,} lines that were stored; it counted all others"
    return [*rows, Row("logger", what, sent / stored * 100, "%")]


async def _none(logger: LoggerProcess) -> bool:
    return not await logger.figure("deis_logger_drains")


async def flow(directory: Path) -> list[Row]:
    """The rates: one tail; 20 tails and one drain; each with agents that keep up, and with agents that are behind."""
    rows = []
    async with a_logger(directory, APPS, BIG | {"DEIS_LOGGER_MEMORY": str(256 << 20)}) as logger:
        for shape in (PACED, FULL):
            rows += await followed(logger, 1, "50 apps, one tail", 250_000, shape)
            for app in (APPS[0], ""):
                rows += await drained(logger, app, shape)
    return rows


async def memory_and_history(directory: Path) -> list[Row]:
    """1,000 apps with 10,000 lines each, and one history of them."""
    async with a_logger(directory, MANY, BIG) as logger:
        for _ in range(28):
            await logger.send(MANY, 1000 * 368)
        await asyncio.sleep(3)  # what it gives back, it gives back by then
        raw = 1000 * 10_000 * len(TEXT) / MB
        took = []
        url = f"http://127.0.0.1:{logger.port}/{MANY[0]}?log_lines=10000"
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as session:
            for _ in range(20):
                began = time.perf_counter()
                async with session.get(url) as answer:
                    assert (await answer.read()).count(b"\n") == 10_000
                took.append((time.perf_counter() - began) * 1000)
        return [
            Row("logger", "resident, 1,000 apps with 10,000 lines", logger.resident, "MB", 1.2 * raw + 100),
            Row("logger", "10,000 lines of history, median", percentile(took, 50), "ms", 100),
        ]


async def rsyslog(directory: Path) -> list[Row]:
    """The same stream from one connection to a file by rsyslog, on the same core."""
    program = shutil.which("rsyslogd", path=os.environ.get("PATH", "") + ":/usr/sbin")
    assert program is not None, "rsyslog is missing; install the Debian package rsyslog"
    port, written = free_port(), directory / "out.log"
    config = directory / "rsyslog.conf"
    config.write_text(
        f'module(load="imptcp")\ninput(type="imptcp" port="{port}" address="127.0.0.1")\n'
        'main_queue(queue.size="200000" queue.dequeuebatchsize="2048")\n'
        f'template(name="raw" type="string" string="%msg%\\n")\naction(type="omfile" file="{written}" template="raw")\n'
    )
    child = await asyncio.create_subprocess_exec(program, "-n", "-f", str(config), "-i", str(directory / "pid"))
    try:
        process = psutil.Process(child.pid)
        process.cpu_affinity((psutil.Process().cpu_affinity() or [0])[-1:])
        message = b"<14>1 2026-11-23T20:36:17.783091+00:00 h app-0 web.1 - - " + TEXT
        lot = b"%d %b" % (len(message), message) * 1000

        async def opened() -> asyncio.StreamWriter | None:
            try:
                return (await asyncio.open_connection("127.0.0.1", port))[1]
            except OSError:
                return None

        writer = await eventually(opened, what="rsyslog answers")
        before, began = sum(process.cpu_times()[:2]), time.perf_counter()
        for _ in range(LINES // 1000):
            writer.write(lot)
            await writer.drain()
        size = LINES * (len(TEXT) + 1)
        await eventually(lambda: written.exists() and written.stat().st_size >= size, within=120, what="all is written")
        used, seconds = sum(process.cpu_times()[:2]) - before, time.perf_counter() - began
        writer.close()
    finally:
        child.terminate()
        await child.wait()
    return [
        Row("rsyslog", "the same lines to a file: wall clock", LINES / seconds, "lines/s"),
        Row("rsyslog", "the same lines to a file: of one core", LINES / used, "lines/s of CPU"),
    ]


async def measure() -> list[Row]:
    """Every measurement."""
    rows = []
    for part in (flow, memory_and_history, rsyslog):
        with tempfile.TemporaryDirectory(prefix="deis-bench-") as directory:
            rows += await part(Path(directory))
    return rows


def run() -> list[Row]:
    """Every measurement, without a platform."""
    return uvloop.run(measure())
