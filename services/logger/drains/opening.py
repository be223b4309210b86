"""The drains' parts, put together."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from libs.daemon import Daemon
from libs.keyspace import Keyspace
from libs.keyspace.records import Drain, MeshMember
from libs.store import Store, StoreUnavailable
from libs.store.mirror import Mirror
from libs.store.shelf import Shelf
from libs.vault import SealBroken, Vault
from services.logger.archive import Archive
from services.logger.drains.addresses import networks_of
from services.logger.drains.bridges import Bridges
from services.logger.drains.course import Bounds, Course
from services.logger.drains.guard import Guard
from services.logger.drains.keeping import Keeping, Mirrors
from services.logger.drains.kind import Away, Target, Terms
from services.logger.drains.metrics import DrainsCollector
from services.logger.drains.resuming import Start
from services.logger.drains.way import Way
from services.logger.settings import LoggerSettings

STATES_SECONDS = 2.5  # between two looks for states to be written


def drain_tasks(  # noqa: PLR0913 - the parts of the logger that they use
    daemon: Daemon,
    settings: LoggerSettings,
    store: Store,
    archive: Archive,
    *,
    loggers: Mirror[MeshMember],
    vault: Vault,
) -> dict[str, Coroutine[Any, Any, None]]:
    """What is to run for the drains."""
    keys = Keyspace(settings.store_prefix)
    mirrors = Mirrors(Mirror(store, keys.drains), Mirror(store, keys.drain_states), loggers)
    mesh = Mirror(store, keys.mesh)
    guard = Guard(settings.store_endpoints, mesh)
    barred = networks_of(settings.logger_drain_barred)
    way = Way(settings.logger_drain_inward, guard, barred, tuple if settings.logger_drain_bridges else Bridges())
    terms = Terms(way, stall_seconds=settings.logger_drain_stall_seconds)
    bounds = Bounds(
        settings.logger_drain_bytes,
        settings.logger_drain_seconds,
        settings.logger_drain_line_bytes,
        settings.logger_drain_enterprise,
    )
    target = opening(vault)

    def begin(drain: Drain, start: Start) -> Course:
        return Course(drain, archive, target=target, terms=terms, bounds=bounds, start=start)

    keeping = Keeping(settings.node, mirrors, Shelf(store, keys.drain_states), archive.names, begin)
    archive.on_ring(keeping.ring_began)
    daemon.registry.register(DrainsCollector(keeping))
    daemon.loop("write_drain_states", keeping.write_states, every=STATES_SECONDS, expected=(StoreUnavailable,))
    guarding: dict[str, Coroutine[Any, Any, None]] = {}
    if not settings.logger_drain_inward:
        daemon.facts["drains in doubt"] = guard.fact
        guarding = {"mirror_mesh": mesh.run(), "guard_drains": guard.run()}
    return {
        **guarding,
        "mirror_drains": mirrors.drains.run(),
        "mirror_drain_states": mirrors.states.run(),
        "keep_drains": keeping.run(),
    }


def opening(vault: Vault) -> Callable[[Drain], Target]:
    """How a drain's secret is opened; raises `Away` where it cannot be, which is the drain's own trouble."""

    def target(drain: Drain) -> Target:
        try:
            secret = json.loads(vault.unseal_text(f"drain:{drain.id}", drain.secret)) if drain.secret else {}
        except SealBroken as error:
            raise Away(f"its password or key cannot be opened: {error}", pause=5.0) from error
        return Target(
            drain.url,
            drain.token,
            drain.app,
            user_info=secret.get("user_info", ""),
            client_certificate=drain.client_certificate,
            client_key=secret.get("client_key", ""),
            ca=drain.ca,
        )

    return target
