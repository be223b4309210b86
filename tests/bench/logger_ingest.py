"""What one core of the logger takes in while readers follow and a drain sends; history, memory; rsyslog beside it."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import psutil
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from libs.keyspace.records import Drain
from libs.loglines.tail import Cursor, begin
from libs.store.shelf import Shelf
from tests.bench.logger_process import KEYS, TEXT, TOKEN, LoggerProcess, a_logger
from tests.bench.report import Row, percentile
from tests.support.ports import free_port
from tests.support.waiting import eventually

APPS = [f"app-{n}" for n in range(50)]
MANY = [f"many-{n}" for n in range(1000)]
LINES = 3_000_000
MB = 1_000_000
DROPPED = 'deis_logger_drain_lines{fate="dropped"}'
BIG = {"DEIS_LOGGER_MEMORY": str(8 << 30), "DEIS_LOGGER_DRAIN_INWARD": "true"}


class Sink(asyncio.Protocol):
    """Takes whatever comes."""

    taken = 0

    def data_received(self, data: bytes) -> None:
        """Counted, and no more."""
        Sink.taken += len(data)


@asynccontextmanager
async def sink() -> AsyncIterator[int]:
    """A receiver of a drain; yields its port."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def tail(logger: LoggerProcess, app: str) -> AsyncIterator[list[int]]:
    """One who follows an app; yields a list whose one number is the bytes that came."""
    url, protocols = await logger.ticket(app)
    heard = [0]
    asked = [Subprotocol(name) for name in protocols]
    async with connect(url, subprotocols=asked, compression=None, proxy=None, max_size=2**25) as connection:
        await connection.send(begin(0, {}, Cursor()))
        assert isinstance(await connection.recv(), str)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(_hear(connection, heard))
            try:
                yield heard
            finally:
                task.cancel()


async def _hear(connection: ClientConnection, heard: list[int]) -> None:
    while True:
        message = await connection.recv()
        heard[0] += len(message) if isinstance(message, bytes) else 0


async def ingest(logger: LoggerProcess, what: str, least: float) -> list[Row]:
    """Lines a second, of the clock and of the logger's core; what the lines cost it is held against the budget."""
    await logger.send(APPS, LINES // 10)
    used, began = logger.used, time.perf_counter()
    await logger.send(APPS, LINES)
    seconds, used = time.perf_counter() - began, logger.used - used
    return [
        Row("logger", f"ingest, {what}: wall clock", LINES / seconds, "lines/s"),
        Row("logger", f"ingest, {what}: of one core", LINES / used, "lines/s of CPU"),
        Row("logger", f"ingest, {what}: of a core for 1,000 lines", used / LINES * 1_000_000, "ms", 1_000_000 / least),
    ]


async def add_drain(logger: LoggerProcess, port: int, scope: str, app: str) -> None:
    """A syslog drain, of one app or of the platform."""
    url, now = f"syslog://127.0.0.1:{port}", datetime.now(UTC)
    drain = Drain(id=f"d-{scope}", app=app, owner="root", url=url, token="d.bench", created=now)
    await Shelf(logger.store, KEYS.drains).create(drain, scope, drain.id)


async def flow(directory: Path) -> list[Row]:
    """The rates: one tail; 20 tails and one drain."""
    rows = []
    async with a_logger(directory, APPS, BIG | {"DEIS_LOGGER_MEMORY": str(256 << 20)}) as logger:
        async with tail(logger, APPS[0]) as heard:
            rows += await ingest(logger, "50 apps, one tail", 250_000)
            told = heard[0] / (LINES * 1.1 / len(APPS) * (len(TEXT) + 18)) * 100
            rows.append(Row("logger", "the same: told to the tail, the rest is said to be missed, about", told, "%"))
        async with AsyncExitStack() as stack:
            for app in APPS[:20]:
                await stack.enter_async_context(tail(logger, app))
            for scope, app in ((f"uuid-{APPS[0]}", APPS[0]), ("platform", "")):
                await add_drain(logger, await stack.enter_async_context(sink()), scope, app)
                before, dropped = Sink.taken, await logger.figure(DROPPED)

                async def flows(before: int = before) -> bool:
                    await logger.send(APPS[:4], 400)
                    return Sink.taken > before

                await eventually(flows, what="the drain takes lines")
                whose = "the platform's" if scope == "platform" else "an app's"
                rows += await ingest(logger, f"20 tails and {whose} syslog drain", 150_000)
                dropped = (await logger.figure(DROPPED) - dropped) / (LINES * 1.1 / (1 if not app else len(APPS))) * 100
                rows.append(Row("logger", "the same: dropped by the drain, and told so", dropped, "%"))
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
