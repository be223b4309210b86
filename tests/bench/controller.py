"""What the controller answers and holds: its API and its leading deployer in one process on one core, on a real etcd.

The figures of one core count what the process used of it: others on the machine make the wall clock's worse.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
import uvloop

from deploy.local.settings import MEMORY
from libs.daemon import Settings
from libs.daemon.memory import EVERY
from libs.keyspace import Keyspace
from libs.store.opening import open_store
from libs.vault.keyfile import KEY, KeyFile
from tests.bench import controller_records as records
from tests.bench.http_load import Load, get
from tests.bench.report import Row, percentile
from tests.support.etcd import EtcdServer
from tests.support.ports import free_port
from tests.support.waiting import eventually

TOKEN = "0123456789abcdef0123456789abcdef01234567"
SECONDS = 8.0  # of each load
CONNECTIONS = 32
READS = 2_000.0  # a second of one core
MB = 1_000_000
USUAL = {records.name_of(number): records.RELEASES for number in range(records.APPS)}  # releases by app
MANY, FEW = "many", "few"
LONG = {MANY: 10_000, FEW: 100}
REPEATS = 30
PROGRAM = """
from libs.deis_daemon import do_without_rich
do_without_rich()
from tests.bench.controller_process import main
main()
"""  # what `deis-daemon controller` does


class Server:
    """The process, pinned to the last core; whoever asks it has the others."""

    def __init__(self, process: psutil.Process, port: int) -> None:
        self.process, self.port = process, port

    @property
    def resident(self) -> float:
        """MB."""
        return float(self.process.memory_info().rss) / MB

    @property
    def used(self) -> float:
        """Seconds of its core so far."""
        return float(sum(self.process.cpu_times()[:2]))

    async def reads(self, what: str, paths: list[str], budget: float = READS) -> list[Row]:
        """Requests a second, of the clock and of a core; then how long they take at half the rate that is promised."""
        load = Load(self.port, [get(path, TOKEN) for path in paths])
        used = self.used
        seconds = await load.closed(CONNECTIONS, SECONDS)
        used = self.used - used
        count = len(load.took)
        calm = Load(self.port, load.requests)
        await calm.scheduled(CONNECTIONS, budget / 2, SECONDS)
        assert not load.failed, load.failed
        assert not calm.failed, calm.failed
        took = [1000 * one for one in calm.took]
        return [
            Row("controller", f"{what}: wall clock", count / seconds, "/s"),
            Row("controller", f"{what}: of one core", count / used, "/s of CPU"),
            Row("controller", f"{what}: of a core for each", used / count * 1000, "ms", 1000 / budget),
            Row("controller", f"{what}: median at {budget / 2:g}/s", statistics.median(took), "ms"),
            Row("controller", f"{what}: p99 at {budget / 2:g}/s", percentile(took, 99), "ms", 20),
        ]

    async def one(self, what: str, path: str, budget: float) -> Row:
        """One request at a time, several times."""
        load = Load(self.port, [get(path, TOKEN)])
        await load.closed(1, 0, least=REPEATS)
        assert not load.failed, load.failed
        return Row("controller", f"{what}, median", statistics.median(load.took) * 1000, "ms", budget)


@asynccontextmanager
async def a_controller(etcd: EtcdServer, releases: Mapping[str, int]) -> AsyncIterator[Server]:
    """A controller of its own process that has read the store and looked at every app."""
    port = free_port()
    KeyFile(etcd.root / "secrets" / "config.key").change(lambda _: {records.KEY_ID: bytes(KEY)})
    environment = {
        "DEIS_HOME": str(etcd.root),
        "DEIS_NODE": records.NODE,
        "DEIS_STORE_ENDPOINTS": etcd.endpoint,
        "DEIS_CONTROLLER_PORT": str(port),
        "DEIS_LOG_LEVEL": "warning",
        **MEMORY,
    }
    command = (sys.executable, "-c", PROGRAM, json.dumps(releases))
    child = await asyncio.create_subprocess_exec(*command, env={**os.environ, **environment})
    try:
        process = psutil.Process(child.pid)
        cores = psutil.Process().cpu_affinity() or [0]
        process.cpu_affinity(cores[-1:])
        server = Server(process, port)
        async with aiohttp.ClientSession(headers={"Authorization": f"token {TOKEN}"}) as session:

            async def answers() -> bool:
                if child.returncode is not None:
                    raise RuntimeError(f"the controller ended with {child.returncode}")
                try:
                    async with session.get(f"http://127.0.0.1:{port}/v1/apps") as answer:
                        return answer.status == 200
                except aiohttp.ClientError:
                    return False

            await eventually(answers, within=120, what="the controller answers")
        await until_at_rest(server)
        yield server
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()


async def until_at_rest(server: Server) -> None:
    """Return once it does nothing more, as when every app was looked at, and has given back what that took."""
    before = -1.0
    while server.used - before > 0.1:
        before = server.used
        await asyncio.sleep(2.0)
    await asyncio.sleep(EVERY + 2.0)


async def thousand_apps(etcd: EtcdServer) -> tuple[list[Row], float]:
    """1,000 apps: memory, the two reads that a client makes most, and the list of all; and what is resident."""
    async with a_controller(etcd, USUAL) as server:
        idle = server.resident
        rows = [Row("controller", "resident, 1,000 apps with 5 releases", idle, "MB", 120)]
        rows += await server.reads("app info", [f"/v1/apps/{app}" for app in USUAL])
        rows += await server.reads("releases, 5 of each app", [f"/v1/apps/{app}/releases" for app in USUAL])
        rows += await server.reads("whoami: what any request costs", ["/v1/auth/whoami"])
        rows.append(await server.one("list of 1,000 apps, the first 100", "/v1/apps", 50))
        rows.append(await server.one("list of 1,000 apps, all on a page", "/v1/apps?page_size=1000", 50))
        await until_at_rest(server)
        rows.append(Row("controller", "resident, after all that", server.resident, "MB", 120))
    return rows, idle


async def long_history(etcd: EtcdServer, idle: float) -> list[Row]:
    """10,000 releases of one app: what they hold, and whether a page of them costs what one of 100 does."""
    async with a_controller(etcd, USUAL | LONG) as server:
        more = (server.resident - idle) / LONG[MANY] * 1000
        rows = [Row("controller", "resident, for each 1,000 releases more with builds and rollouts", more, "MB")]
        short = await server.one("page of 100 releases, of 100", f"/v1/apps/{FEW}/releases?page_size=100", 0)
        rows.append(short)
        for page in ("1", "50", "last"):
            path = f"/v1/apps/{MANY}/releases?page_size=100&page={page}"
            rows.append(await server.one(f"page of 100 releases, of 10,000: {page}", path, short.value * 2))
        path = f"/v1/apps/{MANY}/releases?page_size=100"
        rows += await server.reads("page of 100 releases, of 10,000", [path])
        rows += await server.reads("app info, of 10,000 releases", [f"/v1/apps/{MANY}"])
    return rows


async def measure(directory: Path) -> list[Row]:
    """Every measurement, on one etcd."""
    etcd = EtcdServer(directory / "etcd")
    etcd.start()
    settings = Settings(store_endpoints=etcd.endpoint, home=directory / "bench")
    keys = Keyspace(settings.store_prefix)
    try:
        async with open_store(settings, name="bench") as store:
            await records.write(store, records.platform(keys, hashlib.sha256(TOKEN.encode()).hexdigest()))
            for app, releases in USUAL.items():
                await records.write_app(store, keys, app, releases=releases)
            rows, idle = await thousand_apps(etcd)
            for app, releases in LONG.items():
                await records.write_app(store, keys, app, releases=releases)
            return rows + await long_history(etcd, idle)
    finally:
        etcd.stop()


def run() -> list[Row]:
    """Every measurement, without a platform."""
    with tempfile.TemporaryDirectory(prefix="deis-bench-") as directory:
        return uvloop.run(measure(Path(directory)))
