"""The whole controller writes when tokens were used, in a loop of its own."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry

from libs.daemon import Daemon, supervise
from libs.engine.drivers.memory import MemoryEngine
from libs.keyspace import Keyspace
from libs.keyspace.records import Token
from libs.store.drivers.memory import MemoryStore
from libs.store.shelf import Shelf
from libs.web import open_client
from services.controller.serve import control
from services.controller.settings import ControllerSettings
from services.controller.tokens import hash_of
from tests.support.api import Client
from tests.support.ports import free_port
from tests.support.waiting import eventually


async def test_a_running_controller_writes_a_tokens_use(tmp_path: Path) -> None:
    store, daemon, port = MemoryStore(), Daemon("controller", CollectorRegistry()), free_port()
    settings = ControllerSettings(home=tmp_path, controller_port=port, node="n1")
    async with (
        open_client() as client,
        supervise(controller=control(daemon, settings, store, MemoryEngine(), client)),
    ):
        await eventually(lambda: daemon.ready and all(holds() for holds in daemon.ready.values()))
        admin = await Client(client, f"http://127.0.0.1:{port}").joined("admin")
        assert (await admin("GET", "/v1/auth/whoami")).status == 200
        daemon.loops["write_token_uses"].wake()
        tokens = Shelf(store, Keyspace().tokens)

        async def used() -> Token | None:
            stored = await tokens.get(hash_of(admin.token))
            return stored.document if stored and stored.document.used else None

        await eventually(used)
