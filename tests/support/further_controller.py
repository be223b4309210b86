"""One more controller beside a platform's own, as an operator would add it: same node, same secrets, other ports."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from libs.keyspace.records import Leader, MeshMember
from libs.store.shelf import Shelf
from tests.support.platform import Platform
from tests.support.ports import free_port
from tests.support.records import Records
from tests.support.waiting import eventually

ANSWERED = re.compile(
    r"^deis_controller_http_request_seconds_count\{(?P<labels>.*)\} (?P<count>[0-9.e+]+)$", re.MULTILINE
)


@dataclass(frozen=True)
class Beside:
    """A controller of a platform: its process, and where its API and its probes are."""

    pid: int
    port: int
    admin_port: int

    async def page(self, path: str) -> tuple[int, str]:
        """A page of its admin port; status 0 where nobody answers."""
        url = f"http://127.0.0.1:{self.admin_port}{path}"
        try:
            async with aiohttp.ClientSession() as session, session.get(url) as answer:
                return answer.status, await answer.text()
        except aiohttp.ClientError:
            return 0, ""

    async def ready(self) -> bool:
        """It says so."""
        return (await self.page("/readyz"))[0] == 200

    async def answered(self, route: str) -> int:
        """How many requests of a route it has answered, with whatever status."""
        _, text = await self.page("/metrics")
        return int(sum(float(m["count"]) for m in ANSWERED.finditer(text) if f'route="{route}"' in m["labels"]))


def own_controller(platform: Platform) -> Beside:
    """The platform's own."""
    settings = platform.settings
    return Beside(platform.pid("controller"), settings.controller_port, settings.admin_ports["controller"])


@asynccontextmanager
async def further_controller(platform: Platform) -> AsyncIterator[Beside]:
    """A second one for as long as the body runs; the body may kill it."""
    port, admin_port = free_port(), free_port()
    environment = {
        **platform.settings.environment(),
        **platform.environment,
        "DEIS_CONTROLLER_PORT": str(port),
        "DEIS_ADMIN_PORT": str(admin_port),
    }
    program = str(Path(sys.executable).with_name("deis-daemon"))
    log = platform.settings.home / "log" / "controller-2.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(program, "controller", env=environment, stdout=out, stderr=out)
    beside = Beside(process.pid, port, admin_port)
    try:
        try:
            await eventually(beside.ready, within=60, what="the second controller ready")
        except AssertionError as error:
            error.add_note(log.read_text()[-2000:])
            raise
        yield beside
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def leading(records: Records, controllers: Iterable[Beside]) -> Beside:
    """The one of these that deploys, once there is one."""
    leaders: Shelf[Leader] = Shelf(records.store, records.keys.leaders)
    members: Shelf[MeshMember] = Shelf(records.store, records.keys.mesh)
    by_port = {one.port: one for one in controllers}

    async def look() -> Beside | None:
        leader = await leaders.get("deployer")
        member = await members.get("controller", leader.document.id) if leader else None
        return by_port.get(int(member.document.url.rpartition(":")[2])) if member else None

    return await eventually(look, within=60, what="a controller that deploys")
