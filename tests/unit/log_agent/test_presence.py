from __future__ import annotations

import asyncio
from pathlib import Path

from prometheus_client import CollectorRegistry

from libs.daemon import Daemon
from libs.engine.drivers.memory import MemoryEngine
from libs.keyspace import Keyspace
from libs.keyspace.records import MeshMember
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from services.log_agent.serve import ship_lines
from services.log_agent.settings import LogAgentSettings
from tests.support.waiting import eventually


async def test_an_agent_is_in_the_mesh_while_it_runs_and_leaves_it_at_its_end(tmp_path: Path) -> None:
    store = MemoryStore()
    mesh = Shelf(store, Keyspace().mesh)
    daemon = Daemon("log_agent", CollectorRegistry(), admin_url="http://127.0.0.1:9104")

    async def member() -> MeshMember | None:
        found = await mesh.get("log_agent", "n1")
        return found.document if found else None

    async with asyncio.TaskGroup() as group:
        settings = LogAgentSettings(home=tmp_path, node="n1")
        group.create_task(ship_lines(daemon, settings, store.fork(), MemoryEngine()))
        seen = await eventually(member, what="the agent is in the mesh")
        assert seen.admin_url == "http://127.0.0.1:9104"
        daemon.stopping.set()
    assert await member() is None
