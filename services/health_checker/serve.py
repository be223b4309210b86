"""The health checker's parts and its loops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

from libs.daemon import Daemon, announcement
from libs.keyspace import Keyspace
from libs.store.errors import StaleRevision, StoreUnavailable
from libs.store.mirror import Mirror
from libs.store.opening import open_store_for
from libs.store.owned import Owned
from libs.store.session import Session
from libs.store.store import Store
from services.health_checker.probe import Opened, open_probes
from services.health_checker.prober import Prober
from services.health_checker.rounds import Rounds
from services.health_checker.settings import HealthCheckerSettings
from services.health_checker.verdicts import Verdicts

LOOK_SECONDS = 30.0  # between two comparisons of the verdicts with the store when nothing happens


async def serve(daemon: Daemon) -> None:
    """Check this node's instances until the process is asked to end."""
    settings = HealthCheckerSettings()
    async with open_store_for(daemon, settings) as store:
        await check(daemon, settings, store, open_probes)


async def check(
    daemon: Daemon,
    settings: HealthCheckerSettings,
    store: Store,
    open_probes: Callable[[HealthCheckerSettings], AbstractAsyncContextManager[Mapping[str, Opened]]],
) -> None:
    """The same over a store that is open, with these kinds of probes."""
    keys, node = Keyspace(settings.store_prefix), settings.node
    clock = asyncio.get_running_loop().time
    instances = Mirror(store, keys.instances, node)
    health = Mirror(store, keys.health, node)
    routers = Mirror(store, keys.routers)
    recorded = Owned(store, keys.health, health)
    verdicts = Verdicts(recorded, instances, clock)
    session = Session(store, ttl=settings.presence_seconds)

    async def write_verdicts() -> None:
        await instances.wait_complete()
        await health.wait_complete()
        await verdicts.keep()

    loop = daemon.loop("write_verdicts", write_verdicts, every=LOOK_SECONDS, expected=(StoreUnavailable, StaleRevision))
    verdicts.on_change(lambda: loop.wake("a verdict"))
    recorded.on_news(lambda: loop.wake("recorded verdicts changed"))

    daemon.ready["instances and verdicts listed"] = lambda: instances.complete and health.complete
    daemon.ready["routers listed"] = lambda: routers.complete
    daemon.ready["presence held"] = lambda: session.held
    await session.publish(keys.mesh.key("health_checker", node), announcement(daemon, id_=node, node=node).encode())
    async with open_probes(settings) as kinds:
        rounds = Rounds(
            instances=instances,
            routers=routers,
            verdicts=verdicts,
            prober=Prober(kinds, clock, daemon.registry),
            registry=daemon.registry,
        )

        async def probe_instances() -> None:
            await instances.wait_complete()
            await health.wait_complete()
            await rounds.run()

        await daemon.run(
            mirror_instances=instances.run(),
            mirror_health=health.run(),
            mirror_routers=routers.run(),
            keep_present=session.run(),
            probe_instances=probe_instances(),
        )
