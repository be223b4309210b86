"""The whole controller drops, in a loop of its own, what is told of drains that are gone."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry

from libs.daemon import Daemon, supervise
from libs.engine.drivers.memory import MemoryEngine
from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import Drain, DrainState
from libs.keyspace.records.logs import PLATFORM
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from libs.web import open_client
from services.controller.serve import control
from services.controller.settings import ControllerSettings
from tests.support.waiting import eventually


async def test_a_running_controller_drops_the_states_of_drains_that_are_gone(tmp_path: Path) -> None:
    store, daemon, keys = MemoryStore(), Daemon("controller", CollectorRegistry()), Keyspace()
    drain = Drain(id="here", owner="ann", url="syslog://a:514", token="d.1", created=now())
    await Shelf(store, keys.drains).create(drain, PLATFORM, "here")
    states = Shelf(store, keys.drain_states)
    for id_ in ("here", "gone"):
        await states.create(DrainState(since=now(), updated=now()), id_, "n1")
    settings = ControllerSettings(home=tmp_path, controller_port=0, node="n1")
    async with (
        open_client() as client,
        supervise(controller=control(daemon, settings, store, MemoryEngine(), client)),
    ):
        await eventually(lambda: daemon.ready and all(holds() for holds in daemon.ready.values()))
        daemon.loops["drop_orphaned_drain_states"].wake()

        async def dropped() -> bool:
            return {stored.parts for stored in await states.list()} == {("here", "n1")}

        await eventually(dropped)
