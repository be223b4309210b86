"""The router alone, on a real HAProxy and a store in memory, with 1,000 apps of 5 instances each.

From a changed record to its acknowledgement, to fill an empty HAProxy, what that costs it, and how fast a crashed
instance is out.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from libs.daemon import supervise
from libs.keyspace.document import now
from libs.store.mirror import Mirror
from services.router.settings import RouterSettings
from tests.bench.report import Row, spread
from tests.integration.router.backends import Backend, backends
from tests.integration.router.clients import load
from tests.integration.router.mesh import Mesh
from tests.support.haproxy import HAProxyServer
from tests.support.ports import free_port
from tests.support.waiting import eventually

APPS, EACH = 1000, 5
CHANGES = 200
CRASHES = 10
ACCEPT = "import socket\ns = socket.create_server(('0.0.0.0', {port}), backlog=4096)\nwhile True: s.accept()[0].close()"


def run() -> list[Row]:
    """Everything, on one HAProxy."""
    with tempfile.TemporaryDirectory(prefix="deis-bench-") as home, listener() as port:
        settings = RouterSettings(
            home=Path(home),
            node="node-1",
            domain="example.test",
            store="memory",
            router_bind="127.0.0.1",
            router_http_port=free_port(),
            router_pool=APPS + 24,
        )
        haproxy = HAProxyServer(settings)
        haproxy.configure()
        haproxy.start()
        try:
            return asyncio.run(measure(Mesh(haproxy, settings), port))
        finally:
            haproxy.kill9()


@contextmanager
def listener() -> Iterator[int]:
    """A process that accepts on every loopback address, for HAProxy looks at a new server once."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", ACCEPT.format(port=port)])
    try:
        yield port
    finally:
        process.kill()
        process.wait()


async def measure(mesh: Mesh, port: int) -> list[Row]:
    """The rows, cold fill first."""
    for number in range(APPS):
        await mesh.app(f"app{number}", web=EACH)
        for each in range(EACH):
            await mesh.publish(f"app{number}", f"app{number}-i{each}", instance(port, number, each))
    empty = resident(mesh)
    began = time.perf_counter()
    async with mesh.running():
        await eventually(lambda: filled(mesh), what="every server in rotation")
        seconds = time.perf_counter() - began
        rows = [
            Row("router", f"cold fill, {APPS} apps x {EACH}: HAProxy told", applying(mesh), "s", 1.0),
            Row("router", "the same from the daemon's start, records read and compared", seconds, "s"),
            Row("router", "HAProxy's memory, empty pool", empty, "MB"),
            Row("router", f"HAProxy's memory for {APPS * EACH} servers", resident(mesh) - empty, "MB"),
        ]
        acknowledged = [await acknowledge(mesh, port, number) for number in range(CHANGES)]
        rows += spread("router", "record to acknowledgement", acknowledged, "ms", median=5)
        rows += spread("router", "crash to out of rotation, told", [await crash(mesh) for _ in range(CRASHES)], "ms")
    return rows


def instance(port: int, app: int, each: int) -> Backend:
    """A stand-in at an address of its own."""
    backend = Backend(f"app{app}-i{each}")
    backend.address, backend.port = f"127.{1 + each}.{app // 250}.{1 + app % 250}", port
    return backend


def filled(mesh: Mesh) -> bool:
    return mesh.registry.get_sample_value("deis_router_servers", {"state": "ready"}) == APPS * EACH


def applying(mesh: Mesh) -> float:
    return mesh.metric("deis_router_apply_seconds_sum")


def resident(mesh: Mesh) -> float:
    """Of HAProxy's worker, in MB."""
    said = mesh.haproxy.ask("show info").splitlines()
    pid = next(line.split()[1] for line in said if line.startswith("Pid:"))
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in status if line.startswith("VmRSS:"))) / 1024


async def acknowledge(mesh: Mesh, port: int, number: int) -> float:
    """Publish another instance of an app; milliseconds until the router's word on it is in the store."""
    app, id_ = f"app{number}", f"app{number}-i{EACH}"
    await mesh.roll(app, id_)
    said = asyncio.Event()
    words = Mirror(mesh.writers, mesh.keys.routers)
    words.on_change(lambda moves: said.set() if any(m.new and id_ in m.new.instances for m in moves) else None)
    async with supervise(words=words.run()):
        await eventually(lambda: words.complete)
        began = time.perf_counter()
        await mesh.publish(app, id_, instance(port, number, EACH))
        async with asyncio.timeout(30):
            await said.wait()
        return (time.perf_counter() - began) * 1000


async def crash(mesh: Mesh) -> float:
    """Kill one of two instances under load; milliseconds until the router tells that it is out. No request fails."""
    stamp = f"{now().timestamp():.6f}"
    async with backends(f"one-{stamp}", f"two-{stamp}") as (one, two):
        await mesh.app("crashing", web=2)
        for backend in (one, two):
            await mesh.publish("crashing", backend.name, backend)
        await eventually(lambda: mesh.in_haproxy(one.name).watched and mesh.in_haproxy(two.name).watched)
        async with load(mesh.haproxy.port, "crashing.example.test") as seen:
            await seen.more(200)
            began = time.perf_counter()
            await two.kill()
            await mesh.says(two.name, "suspect")
            milliseconds = (time.perf_counter() - began) * 1000
        assert not seen.failures, seen.failures[0]
        for backend in (one, two):
            await mesh.withdraw("crashing", backend.name)
        await eventually(lambda: not any(backend.name in mesh.servers() for backend in (one, two)))
        return milliseconds
