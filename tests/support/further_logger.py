"""One more logger beside a platform's own, as if on another node: same token, same keys, other name and ports."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from libs.keyspace.document import now
from libs.keyspace.records import MeshMember
from libs.loglines.sharing import logger_of
from libs.store.shelf import Shelf
from tests.support.platform import Platform
from tests.support.ports import free_port
from tests.support.records import Records
from tests.support.waiting import eventually

MOST_NAMES = 100_000  # tried: each has the app with a chance of one in the number of loggers


@dataclass(frozen=True)
class Keeper:
    """A logger of a platform: its process, and its id in the mesh."""

    pid: int
    id: str


async def keeper_of(records: Records, app: str) -> str:
    """The id of the logger that keeps an app's lines."""
    record = records.apps.get(app)
    member = logger_of(record.uuid, await _members(records)) if record else None
    assert member is not None, f"there is no logger, or no app {app}"
    return member.id


async def own_logger(platform: Platform, records: Records) -> Keeper:
    """The platform's own."""
    return Keeper(platform.pid("logger"), await _id_at(records, platform.settings.logger_port))


@asynccontextmanager
async def further_logger(platform: Platform, records: Records, *, keeps: str) -> AsyncIterator[Keeper]:
    """A second one for as long as the body runs, by a name with which it keeps this app; the body may kill it."""
    node = await _name_to_keep(records, keeps)
    port = free_port()
    environment = {
        **platform.settings.environment(),
        **platform.environment,
        "DEIS_NODE": node,
        "DEIS_LOGGER_PORT": str(port),
        "DEIS_LOGGER_SOCKETS_PORT": str(free_port()),
        "DEIS_ADMIN_PORT": str(free_port()),
    }
    program = str(Path(sys.executable).with_name("deis-daemon"))
    log = platform.settings.home / "log" / "logger-2.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(program, "logger", env=environment, stdout=out, stderr=out)
    try:
        try:
            id_ = await _id_at(records, port)
        except AssertionError as error:
            error.add_note(log.read_text()[-2000:])
            raise
        yield Keeper(process.pid, id_)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def _name_to_keep(records: Records, app: str) -> str:
    members, record = await _members(records), records.apps.get(app)
    assert record is not None, f"there is no app {app}"
    for number in range(MOST_NAMES):
        newcomer = MeshMember(service="logger", id=f"node-{number}", node="", url="", started=now())
        if logger_of(record.uuid, [*members, newcomer]) is newcomer:
            return newcomer.id
    raise AssertionError(f"no name of {MOST_NAMES} would have a logger keep {app}")


async def _id_at(records: Records, port: int) -> str:
    async def look() -> str | None:
        return next((m.id for m in await _members(records) if m.url.endswith(f":{port}") and m.ready), None)

    return await eventually(look, within=60, what=f"a logger at port {port}")


async def _members(records: Records) -> list[MeshMember]:
    shelf: Shelf[MeshMember] = Shelf(records.store, records.keys.mesh)
    return [stored.document for stored in await shelf.list("logger")]
