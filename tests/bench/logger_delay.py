"""From a container's stdout to a tail's reader through the daemons as they are deployed; `docker logs -f` beside it.

The lines are written into the container's own stdout from outside, each with the time at which that was done.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from libs.loglines import lines_of
from libs.loglines.tail import Cursor, Live, begin, event_of, parts_of
from tests.bench.report import Row, percentile
from tests.support.dockerd import Dockerd
from tests.support.etcd import EtcdServer
from tests.support.log_plant import LogPlant, a_log_plant, cpu_seconds, peak
from tests.support.waiting import eventually

RATE = 1000  # lines a second
SECONDS = 20
FILL = b" " + b"x" * 140
MIB = 1 << 20

Next = Callable[[], Awaitable[list[bytes]]]  # the lines that come next


@asynccontextmanager
async def writing(stdout: int) -> AsyncIterator[None]:
    """Write lines at an even rate, one at a time, from a thread."""
    ended = threading.Event()

    def write() -> None:
        due = time.monotonic()
        while not ended.is_set():
            os.write(stdout, b"%d%b\n" % (time.time_ns(), FILL))
            due += 1 / RATE
            time.sleep(max(due - time.monotonic(), 0))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        await asyncio.to_thread(thread.join)


async def delays(heard: Next) -> list[float]:
    """The age of each line when it is heard, ms; those of the first second are left out."""
    ages: list[float] = []
    while len(ages) < (SECONDS + 1) * RATE:
        lines = await heard()
        now = time.time_ns()
        ages += [(now - int(line.partition(b" ")[0])) / 1e6 for line in lines if line.endswith(FILL)]
    return ages[RATE:]


@asynccontextmanager
async def tail(plant: LogPlant, app: str) -> AsyncIterator[ClientConnection]:
    """One who follows an app from now on."""
    url, protocols = await plant.ticket(app)
    asked = [Subprotocol(name) for name in protocols]
    async with connect(url, subprotocols=asked, compression=None, proxy=None, max_size=2**25) as connection:
        await connection.send(begin(0, {}, Cursor()))
        while isinstance(said := await connection.recv(), bytes) or not isinstance(event_of(said), Live):
            pass
        yield connection


async def through_the_logger(plant: LogPlant, app: str, stdout: int, beside: str = "") -> list[Row]:
    """The platform's way, and what it costs."""
    async with tail(plant, app) as connection:

        async def heard() -> list[bytes]:
            message = await connection.recv()
            assert isinstance(message, bytes), f"the tail said {message!r}"
            return [line.text for part in parts_of(message) for line in lines_of(part.block)]

        async with writing(stdout):
            before, began = [cpu_seconds(one.pid) for one in (plant.agent, plant.logger)], time.monotonic()
            ages = await delays(heard)
            seconds = time.monotonic() - began
    used = [cpu_seconds(one.pid) - then for one, then in zip((plant.agent, plant.logger), before, strict=True)]
    what = f"a container's stdout to a tail, {RATE} lines/s{beside}"
    return [
        Row("both", f"{what}, median", percentile(ages, 50), "ms", 50),
        Row("both", f"{what}, p99", percentile(ages, 99), "ms", 250),
        Row("both", f"{what}, slowest", max(ages), "ms"),
        Row("log_agent", f"{what}: of a core", used[0] / seconds * 100, "%"),
        Row("logger", f"{what}: of a core", used[1] / seconds * 100, "%"),
        Row("log_agent", f"{what}: most memory", peak(plant.agent.pid) / MIB, "MiB"),
        Row("logger", f"{what}: most memory", peak(plant.logger.pid) / MIB, "MiB"),
    ]


async def by_docker(dockerd: Dockerd, name: str, stdout: int) -> list[Row]:
    """The same lines as `docker logs -f` prints them."""
    command = ("docker", "--host", dockerd.host, "logs", "--follow", "--tail", "0", name)
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    rest = b""

    async def heard() -> list[bytes]:
        nonlocal rest
        assert child.stdout is not None
        chunk = await child.stdout.read(MIB)
        assert chunk, "docker logs ended"
        *lines, rest = (rest + chunk).split(b"\n")
        return lines

    try:
        async with writing(stdout):
            ages = await delays(heard)
    finally:
        child.terminate()
        await child.wait()
    return [
        Row("docker", f"the same lines by docker logs -f, {what}", percentile(ages, percent), "ms")
        for what, percent in (("median", 50), ("p99", 99), ("slowest", 100))
    ]


def written(pid: int) -> int:
    """Bytes that a process wrote so far, wherever to."""
    fields = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return int(fields["wchar"])


async def rate(pid: int) -> float:
    """MB a second that a process writes, over some seconds."""
    before, began = written(pid), time.monotonic()
    await asyncio.sleep(SECONDS / 2)
    return (written(pid) - before) / (time.monotonic() - began) / 1e6


async def beside_a_flood(plant: LogPlant, dockerd: Dockerd, app: str, stdout: int) -> list[Row]:
    """The same while another app prints all that the engine takes; and whether the agent costs that one anything."""
    line = "x" * 160
    name = await plant.run("flood", ("/bin/sh", "-c", f"exec yes {line}"))
    pid = int(dockerd.inspect(name)["State"]["Pid"])
    taken = "deis_log_agent_gaps_total"
    gaps = await plant.figure("log_agent", taken)
    rows = await through_the_logger(plant, app, stdout, " beside a flood")
    followed = await rate(pid)
    gaps = await plant.figure("log_agent", taken) - gaps
    plant.agent.kill9()
    alone = await rate(pid)
    plant.agent.start()
    return [
        *rows,
        Row("docker", "the flood, as it is followed", followed, "MB/s"),
        Row("docker", "the flood, as nobody follows it", alone, "MB/s"),
        Row("log_agent", "gaps told of the flood", gaps, "lines"),
    ]


async def measure(directory: Path, dockerd: Dockerd, etcd: EtcdServer) -> list[Row]:
    """Both ways, one after the other; then beside a flood."""
    async with a_log_plant(directory, dockerd, etcd) as plant:
        await plant.write_reader()
        name = await plant.run("shop", ("/bin/sh", "-c", "echo begin; exec sleep 100000"))

        async def begun() -> bool:
            return await plant.lines("shop") == ["begin"]

        await eventually(begun, within=60, what="the first line")
        stdout = os.open(f"/proc/{dockerd.inspect(name)['State']['Pid']}/fd/1", os.O_WRONLY)
        try:
            rows = await through_the_logger(plant, "shop", stdout) + await by_docker(dockerd, name, stdout)
            return rows + await beside_a_flood(plant, dockerd, "shop", stdout)
        finally:
            os.close(stdout)


def run() -> list[Row]:
    """Every measurement, without a platform."""
    with tempfile.TemporaryDirectory(prefix="deis-bench-") as directory, Dockerd.running() as dockerd:
        etcd = EtcdServer(Path(directory) / "etcd")
        etcd.start()
        try:
            return uvloop.run(measure(Path(directory), dockerd, etcd))
        finally:
            etcd.stop()
