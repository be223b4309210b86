"""What the health checker costs: its daemon with 1,000 instances, on a real etcd and real sockets."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import cast

import aiohttp
import psutil
import uvloop
from prometheus_client.parser import text_string_to_metric_families

from libs.daemon import Settings, supervise
from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import Check, Checks, Health, HttpAction, Instance, TcpAction
from libs.store.mirror import Mirror
from libs.store.opening import open_store
from libs.store.shelf import Shelf
from tests.bench.report import Row
from tests.support.etcd import EtcdServer
from tests.support.ports import free_port
from tests.support.waiting import eventually

INSTANCES = 1_000
PERIOD = 10.0  # seconds
WARM_UP = 12.0  # seconds from the first verdict on every instance
WINDOW = 30.0  # seconds of measuring
MIB = 1024 * 1024
NODE = "bench"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"

CHECKS = {
    "tcp": Checks(readiness=Check(tcp=TcpAction(), period_seconds=PERIOD)),
    "http": Checks(readiness=Check(http=HttpAction(path="/healthz"), period_seconds=PERIOD)),
    "http, and tcp for liveness": Checks(
        readiness=Check(http=HttpAction(path="/healthz"), period_seconds=PERIOD),
        liveness=Check(tcp=TcpAction(), period_seconds=PERIOD),
    ),
}


class App(asyncio.Protocol):
    """Answers each request with a few bytes, and leaves hanging up to the client."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods alone

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            self.transport.write(ANSWER)


async def be_the_apps(port: int) -> None:
    """Listen at every address of this host, for ever: each of 127.0.0.0/8 is an instance's."""
    server = await asyncio.get_running_loop().create_server(App, "0.0.0.0", port, backlog=1024)
    await server.serve_forever()


@asynccontextmanager
async def process(*arguments: str, **environment: str) -> AsyncIterator[psutil.Process]:
    """A Python process while the body runs."""
    child = await asyncio.create_subprocess_exec(sys.executable, *arguments, env={**os.environ, **environment})
    try:
        yield psutil.Process(child.pid)
    finally:
        child.kill()
        await child.wait()


def instance(number: int, port: int, checks: Checks) -> Instance:
    """An instance that runs, at an address of its own."""
    return Instance(
        id=f"i{number}",
        name=f"app-{number}_v1.web.1-i{number}",
        node=NODE,
        app=f"app-{number}",
        app_uuid=f"uuid-{number}",
        type="web",
        number=1,
        release=1,
        state="running",
        address=f"127.1.{number // 250}.{number % 250 + 1}",
        port=port,
        checks=checks,
        started=now(),
    )


async def probes_made(admin: str) -> float:
    """How many probes passed so far; it is no figure if others did not."""
    async with aiohttp.ClientSession() as session, session.get(f"{admin}/metrics") as answer:
        text = await answer.text()
    family = next(one for one in text_string_to_metric_families(text) if one.name == "deis_health_checker_probes")
    return sum(one.value for one in family.samples if one.labels.get("outcome") == "passed")


async def one(name: str, etcd: EtcdServer, port: int) -> list[Row]:
    """Measure with these checks, under a prefix of their own."""
    admin_port, prefix = free_port(), f"/bench-{free_port()}"
    settings = Settings(node=NODE, store_endpoints=etcd.endpoint, store_prefix=prefix, home=etcd.root)
    keys = Keyspace(prefix)
    environment = {
        "DEIS_HOME": str(etcd.root),
        "DEIS_NODE": NODE,
        "DEIS_STORE_ENDPOINTS": etcd.endpoint,
        "DEIS_STORE_PREFIX": prefix,
        "DEIS_ADMIN_PORT": str(admin_port),
        "DEIS_LOG_LEVEL": "warning",
    }
    async with open_store(settings, name="bench") as store:
        for number in range(INSTANCES):
            record = instance(number, port, CHECKS[name])
            await Shelf(store, keys.instances).put(record, NODE, record.app, record.id)
        health = Mirror(store, keys.health, NODE)
        async with (
            supervise(health=health.run()),
            process("-m", "libs.daemon", "health_checker", **environment) as checker,
        ):
            ready = partial(all_ready, health)
            await eventually(ready, within=60, what="a verdict on every instance")
            await asyncio.sleep(WARM_UP)
            admin = f"http://127.0.0.1:{admin_port}"
            probes, cpu = await probes_made(admin), sum(checker.cpu_times()[:2])
            await asyncio.sleep(WINDOW)
            used, made = sum(checker.cpu_times()[:2]) - cpu, await probes_made(admin) - probes
            resident = checker.memory_info().rss / MIB
            assert all_ready(health)
    return [
        Row(
            "checker",
            f"{name}, 1,000 each 10 s: of a core",
            used / WINDOW * 100,
            "%",
            0 if CHECKS[name].liveness else 5,
        ),
        Row("checker", f"{name}, 1,000 each 10 s: resident", resident, "MiB", 120),
        Row("checker", f"{name}, 1,000 each 10 s: probes", made / WINDOW, "/s"),
    ]


def all_ready(health: Mirror[Health]) -> bool:
    """Every instance has a verdict that it is ready."""
    return sum(verdict.ready for _, verdict in health.items()) == INSTANCES


async def measure(directory: Path) -> list[Row]:
    """Every measurement, one after the other, on one etcd."""
    etcd, port = EtcdServer(directory / "etcd"), free_port()
    etcd.start()
    try:
        async with process("-m", "tests.bench.checker", str(port)):
            return [row for name in CHECKS for row in await one(name, etcd, port)]
    finally:
        etcd.stop()


def run() -> list[Row]:
    """Every measurement, without a platform."""
    with tempfile.TemporaryDirectory(prefix="deis-bench-") as directory:
        return uvloop.run(measure(Path(directory)))


if __name__ == "__main__":
    uvloop.run(be_the_apps(int(sys.argv[1])))
