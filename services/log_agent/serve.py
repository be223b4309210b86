"""The log agent's parts, put together."""

from __future__ import annotations

from libs.daemon import Daemon, announcement
from libs.engine import EngineError, Logs
from libs.engine.opening import open_engine
from libs.keyspace import Keyspace
from libs.loglines.token import internal_token
from libs.store import Store, StoreUnavailable
from libs.store.mirror import Mirror
from libs.store.opening import open_store_for
from libs.store.session import Session
from libs.store.shelf import Shelf
from services.log_agent.canary import Canaries
from services.log_agent.cursors import Cursors
from services.log_agent.ends import Ends
from services.log_agent.loggers import Loggers
from services.log_agent.metrics import AgentCollector
from services.log_agent.outages import Outages
from services.log_agent.sender import Counts
from services.log_agent.settings import LogAgentSettings
from services.log_agent.shipment import Desk
from services.log_agent.shipping import Shipping

SAVE_SECONDS = 2.0  # between two writes of the cursors' file
LOOK_AT_ENGINE_SECONDS = 1.0  # between two looks whether the engine's run is still the same
LOOK_SECONDS = 30.0  # between two looks at the ends when nothing changes


async def serve(daemon: Daemon) -> None:
    """Run the log agent."""
    settings = LogAgentSettings()
    async with open_store_for(daemon, settings) as store, open_engine(settings) as engine:
        if not isinstance(engine, Logs):
            raise EngineError(f"the engine {settings.engine!r} has no logs to read")
        await ship_lines(daemon, settings, store, engine)


async def ship_lines(daemon: Daemon, settings: LogAgentSettings, store: Store, logs: Logs) -> None:
    """The same over a store and an engine that are open."""
    keys, node = Keyspace(settings.store_prefix), settings.node
    cursors = Cursors(settings.home / "log_agent" / "cursors.json")
    counts = Counts()
    outages = Outages(settings.home / "log_agent" / "outages.json", logs)
    daemon.registry.register(AgentCollector(counts))
    instances = Mirror(store, keys.instances, node)
    told = Mirror(store, keys.log_ends, node)
    members = Mirror(store, keys.mesh, "logger")
    session = Session(store, ttl=settings.presence_seconds)
    ends = Ends(
        node,
        instances=instances,
        told=told,
        shelf=Shelf(store, keys.log_ends),
        changed=lambda: tell_ends.wake("an instance was read to its end"),
    )

    async def save_cursors() -> None:
        cursors.save()

    async def look_at_engine() -> None:
        outages.look()

    tell_ends = daemon.loop("tell_ends", ends.tell, every=LOOK_SECONDS, expected=(StoreUnavailable,))
    daemon.loop("save_cursors", save_cursors, every=SAVE_SECONDS, expected=(OSError,))
    daemon.loop("look_at_engine", look_at_engine, every=LOOK_AT_ENGINE_SECONDS)
    instances.on_change(lambda _: tell_ends.wake("instances changed"))
    told.on_change(lambda _: tell_ends.wake("ends changed"))
    await session.publish(keys.mesh.key("log_agent", node), announcement(daemon, id_=node, node=node).encode())
    canaries = Canaries(node, settings.log_agent_canary_seconds, daemon.registry)
    desk = Desk(
        token=internal_token(settings.internal_token, settings.home),
        logs=logs,
        instances=instances,
        cursors=cursors,
        ends=ends,
        outages=outages,
        counts=counts,
        canaries=canaries,
        refill=settings.log_agent_refill_lines,
        stall_seconds=settings.log_agent_stall_seconds,
    )
    shipping = Shipping(Loggers(members, hold=settings.log_agent_hold_seconds), members, desk)
    daemon.ready["instances mirrored"] = lambda: instances.complete
    daemon.ready["logger found"] = lambda: bool(shipping.boots)
    daemon.facts["loggers"] = lambda: shipping.boots
    try:
        await daemon.run(
            mirror_instances=instances.run(),
            mirror_ends=told.run(),
            mirror_loggers=members.run(),
            keep_present=session.run(),
            ship_lines=shipping.run(),
        )
    finally:
        cursors.save()
        outages.save()
