"""The router's parts and its loops."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from libs.daemon import Daemon, announcement
from libs.keyspace import BadRecord, Keyspace
from libs.keyspace.records import RouterView
from libs.store.errors import StoreError
from libs.store.opening import open_store_for
from libs.store.session import Session
from libs.store.shelf import Shelf
from libs.store.store import Store
from services.router.acknowledging import Acknowledging
from services.router.drains import Drains
from services.router.haproxy import HAProxy, HAProxyRefused
from services.router.hearing import Failure, hear
from services.router.holding import Holding
from services.router.meters import Meters, watch
from services.router.names import endpoint
from services.router.routing import FULL_LOOK, Routing
from services.router.runtime import HAProxyUnavailable
from services.router.saved import load, save
from services.router.saving import Saving
from services.router.settings import RouterSettings
from services.router.slots import Slots
from services.router.structural import Structural
from services.router.structure import Structure
from services.router.suspicions import Suspicions
from services.router.wanted import Wanted
from services.router.workers import Master, OldWorkers

RECALL = 2.0  # seconds for reading what this router said before it was started again


async def serve(daemon: Daemon) -> None:
    """Route until the process is asked to end; HAProxy goes on without us."""
    settings = RouterSettings()
    async with open_store_for(daemon, settings) as store:
        await route(daemon, settings, store)


async def route(daemon: Daemon, settings: RouterSettings, store: Store) -> None:
    """The same over a store that is open."""
    structure = Structure.of(settings)
    keys, clock = Keyspace(settings.store_prefix), asyncio.get_running_loop().time
    call_later = asyncio.get_running_loop().call_later
    meters, holding, suspicions = Meters(daemon.registry), Holding(), Suspicions()
    haproxy = HAProxy(structure.files, structure.backends)
    master = Master(structure.files.master)
    old_workers = OldWorkers(master, clock)
    wanted = Wanted(store, keys, settings.domain, holding, suspicions)
    slots = Slots(structure.backends, clock)
    routing = Routing(haproxy, wanted, holding=holding, suspicions=suspicions, slots=slots, meters=meters, clock=clock)
    drains = Drains(
        haproxy,
        old_workers,
        wanted=routing.decided,
        retiring=wanted.retiring,
        longest=settings.router_drain_seconds,
        clock=clock,
    )
    session = Session(store, ttl=settings.presence_seconds)
    saving = Saving(structure, haproxy, changeable=lambda: wanted.complete)
    acknowledging = Acknowledging(
        session,
        key=keys.routers.key(settings.router_name),
        node=settings.node,
        haproxy=haproxy,
        wanted=wanted,
        drains=drains,
        suspicions=suspicions,
        clock=clock,
        later=lambda seconds: call_later(seconds, acknowledge.wake, "counts"),
    )
    structural = Structural(
        haproxy, master, structure, draining=lambda: bool(drains.leaves), write=saving.write, clock=clock
    )

    watch(daemon.registry, haproxy, wanted, holding=holding, suspicions=suspicions, slots=slots)
    lost = (HAProxyUnavailable, HAProxyRefused)
    apply_picture = daemon.loop("apply_picture", routing.apply_picture, every=FULL_LOOK, expected=lost)
    drain_servers = daemon.loop("drain_servers", drains.drain_servers, every=FULL_LOOK, expected=lost)
    acknowledge = daemon.loop("acknowledge", acknowledging.acknowledge, every=FULL_LOOK, expected=(StoreError,))
    save_picture = daemon.loop("save_picture", saving.save_picture, every=FULL_LOOK, expected=(OSError,))
    apply_structure = daemon.loop(
        "apply_structure", structural.apply_structure, every=FULL_LOOK, expected=(HAProxyUnavailable, OSError)
    )

    wanted.on_change(apply_picture.waking("records changed"))
    wanted.on_question(acknowledge.waking("the deployer asks of others"))
    haproxy.on_connect(apply_picture.waking("connected"))
    suspicions.on_hold(lambda seconds, instance: call_later(seconds, suspicions.review, instance))
    routing.on_second_look(lambda seconds: call_later(seconds, apply_picture.wake, "second look"))
    for loop in (acknowledge, drain_servers, save_picture, apply_structure):
        routing.on_applied(loop.waking("HAProxy changed"))
    routing.on_applied(drains.look_again)
    drains.on_change(acknowledge.waking("a drain went on"))
    drains.on_change(apply_structure.waking("a drain went on"))
    drains.on_change(lambda: apply_picture.wake("a drain went on") if haproxy.doubt or routing.unplaced else None)

    daemon.ready["HAProxy adopted"] = lambda: haproxy.adopted and haproxy.connected
    daemon.ready["records listed"] = lambda: wanted.complete
    daemon.ready["presence held"] = lambda: session.held
    if not structure.files.configuration.exists():
        await asyncio.to_thread(lambda: save(structure, load(structure.files)))
    suspicions.recall(await last_word(store, keys, settings.router_name))
    url = f"http://{endpoint(settings.node_address, structure.port)}"
    member = announcement(daemon, id_=settings.router_name, node=settings.node, url=url)
    await session.publish(keys.mesh.key("router", settings.router_name), member.encode())

    def tell(failures: list[Failure]) -> None:
        routing.hear(failures)
        apply_picture.wake("HAProxy tells of failures")

    await daemon.run(
        keep_connected=haproxy.keep_connected(),
        keep_present=session.run(),
        hear_alerts=hear(structure.files.alerts, tell),
        hear_failures=hear(structure.files.failures, tell),
        **wanted.tasks(),
    )


async def last_word(store: Store, keys: Keyspace, name: str) -> Mapping[str, RouterView]:
    """What this router said last of instances, as far as its lease has not ended and the store answers."""
    try:
        async with asyncio.timeout(RECALL):
            stored = await Shelf(store, keys.routers).get(name)
    except (StoreError, BadRecord, TimeoutError):
        return {}
    return stored.document.instances if stored else {}
