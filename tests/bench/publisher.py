"""What the publisher adds: from a fact on its node to the services record, on a real etcd and a real Docker Engine."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import uvloop

from libs.daemon import Settings
from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import Health, Instance
from libs.store.opening import open_store
from libs.store.shelf import Shelf
from tests.bench.report import Row, spread
from tests.integration.publisher.node import Node, a_node
from tests.support.dockerd import Dockerd
from tests.support.etcd import EtcdServer
from tests.support.waiting import eventually

DEATHS = 30  # one an instance: a second death of one is restarted later
VERDICTS = 300
PAUSE = 0.02  # seconds between two verdicts: a loop that is at rest is what most of them meet


class Stopwatch:
    """Tells when the services' mirror first shows what one waits for; the deadline is a minute."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._looks: list[tuple[Callable[[], bool], asyncio.Future[float]]] = []
        node.services.on_change(lambda _: self._look())

    def expect(self, holds: Callable[[], bool]) -> asyncio.Future[float]:
        """The wall-clock time at which this holds."""
        seen: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._looks.append((holds, seen))
        return seen

    def _look(self) -> None:
        for holds, seen in self._looks:
            if not seen.done() and holds():
                seen.set_result(time.time())
        self._looks = [one for one in self._looks if not one[1].done()]


async def deaths(node: Node, watch: Stopwatch, ids: list[str]) -> list[Row]:
    """Processes die, one after the other: from the engine's own time of it to the withdrawal."""
    took = []
    async with node.engine.events() as events:
        for id_ in ids:
            gone = watch.expect(partial(is_claimed, node, id_, None))
            name = f"shop_v2.web.1-{id_}"
            node.daemon.kill_process(name)
            async with asyncio.timeout(60):
                died = await anext(one.ended async for one in events if one.name == name and one.ended is not None)
                took.append((await gone - died.timestamp()) * 1000)
    return spread("publisher", "die event to address withdrawn", took, "ms", median=10, p99=50)


async def verdicts(node: Node, watch: Stopwatch, shelf: Shelf[Health], seen: Instance) -> list[Row]:
    """One instance turns unready and ready: from the verdict's write to the services record."""
    took = []
    for number in range(VERDICTS):
        ready = number % 2 == 1
        changed = watch.expect(partial(is_claimed, node, seen.id, ready))
        began = time.time()
        await judge(shelf, seen, ready=ready)
        async with asyncio.timeout(60):
            took.append((await changed - began) * 1000)
        await asyncio.sleep(PAUSE)
    return spread("publisher", "verdict written to services record", took, "ms", median=10, p99=50)


async def judge(shelf: Shelf[Health], seen: Instance, *, ready: bool) -> None:
    """What the checker would write."""
    verdict = Health(started=True, ready=ready, live=True, since=now(), run=seen.started)
    await shelf.put(verdict, seen.node, seen.app, seen.id)


async def measure(directory: Path, etcd: EtcdServer, daemon: Dockerd) -> list[Row]:
    """Both, with the publisher as a process of its own, as an operator runs it."""
    async with a_node(etcd, daemon, directory) as node:
        node.environment["DEIS_LOG_LEVEL"] = "warning"
        common = {name.removeprefix("DEIS_").lower(): value for name, value in node.environment.items()}
        settings = Settings.model_validate(common)
        async with node.process("publisher"), open_store(settings, name="bench") as store:
            shelf = Shelf(store, Keyspace(settings.store_prefix).health)
            ids = [f"i{number}" for number in range(DEATHS + 1)]
            for id_ in ids:
                await node.start(id_)
                await judge(shelf, await eventually(partial(running, node, id_), within=60), ready=True)
                await eventually(partial(is_claimed, node, id_, ready=True), within=60)
            watch = Stopwatch(node)
            *others, last = ids
            rows = await verdicts(node, watch, shelf, await eventually(partial(running, node, last)))
            return rows + await deaths(node, watch, others)


def running(node: Node, id_: str) -> Instance | None:
    """The instance, once it runs."""
    one = node.instance(id_)
    return one if one is not None and one.state == "running" else None


def is_claimed(node: Node, id_: str, ready: bool | None) -> bool:
    """Whether the services have the instance so; None: not at all."""
    one = node.service(id_)
    return (None if one is None else one.ready) is ready


def run() -> list[Row]:
    """Every measurement, on servers of its own."""
    with tempfile.TemporaryDirectory(prefix="deis-bench-") as directory, Dockerd.running() as daemon:
        etcd = EtcdServer(Path(directory) / "etcd")
        etcd.start()
        try:
            return uvloop.run(measure(Path(directory), etcd, daemon))
        finally:
            etcd.stop()
