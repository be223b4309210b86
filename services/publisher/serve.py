"""The publisher's parts and its loops."""

from __future__ import annotations

from libs.daemon import Daemon, Loop, announcement, keep_running
from libs.engine.engine import Engine
from libs.engine.errors import EngineUnavailable
from libs.engine.opening import open_engine
from libs.keyspace import Keyspace
from libs.store.errors import StaleRevision, StoreUnavailable
from libs.store.mirror import Mirror
from libs.store.opening import open_store_for
from libs.store.owned import Owned
from libs.store.session import Session
from libs.store.store import Store
from services.publisher.presence import this_node
from services.publisher.publication import Publication
from services.publisher.settings import PublisherSettings


async def serve(daemon: Daemon) -> None:
    """Publish what this node's engine has, until the process is asked to end."""
    settings = PublisherSettings()
    async with open_store_for(daemon, settings) as store, open_engine(settings) as engine:
        await publish(daemon, settings, store, engine)


async def publish(daemon: Daemon, settings: PublisherSettings, store: Store, engine: Engine) -> None:
    """The same over a store and an engine that are open."""
    keys, node = Keyspace(settings.store_prefix), settings.node
    instances = Mirror(store, keys.instances, node)
    services = Mirror(store, keys.services)
    health = Mirror(store, keys.health, node)
    retiring = Mirror(store, keys.retiring, node)
    session = Session(store, ttl=settings.presence_seconds)
    own_instances = Owned(store, keys.instances, instances)
    own_services = Owned(store, keys.services, services)
    publication = Publication(
        node=node,
        engine=engine,
        instances=own_instances,
        services=own_services,
        health=health,
        retiring=retiring,
        registry=daemon.registry,
    )

    async def publish_instances() -> None:
        await instances.wait_complete()
        await publication.publish_instances()

    async def publish_services() -> None:
        for mirror in (instances, services, health, retiring):
            await mirror.wait_complete()
        await publication.publish_services()

    expected = (StoreUnavailable, EngineUnavailable, StaleRevision)
    look = daemon.loop("publish_instances", publish_instances, every=settings.publisher_look_seconds, expected=expected)
    claim = daemon.loop("publish_services", publish_services, every=settings.publisher_look_seconds, expected=expected)
    own_instances.on_news(look.waking("instances changed"))
    own_services.on_news(claim.waking("services changed"))
    health.on_change(lambda _: claim.wake("a verdict"))
    retiring.on_change(lambda _: claim.wake("a retirement"))
    publication.on_census(claim.waking("the engine's answer"))

    daemon.ready["instances, services, health and retiring listed"] = lambda: (
        instances.complete and services.complete and health.complete and retiring.complete
    )
    daemon.ready["engine answered"] = lambda: publication.census.instances is not None
    daemon.ready["presence held"] = lambda: session.held
    here = this_node(settings.node_address, settings.node_tags, reserved=settings.publisher_reserved_memory)
    await session.publish(keys.nodes.key(node), here.encode())
    await session.publish(keys.mesh.key("publisher", node), announcement(daemon, id_=node, node=node).encode())
    await daemon.run(
        mirror_instances=instances.run(),
        mirror_services=services.run(),
        mirror_health=health.run(),
        mirror_retiring=retiring.run(),
        keep_node_present=session.run(),
        follow_engine=keep_running(
            "follow_engine", lambda: follow(engine, publication, look), expected=(EngineUnavailable,)
        ),
    )


async def follow(engine: Engine, publication: Publication, look: Loop) -> None:
    """Look at the engine when it says that something happened; its first word is that it can be heard."""
    async with engine.events() as events:
        async for event in events:
            publication.hear(event)
            look.wake(f"{event.action} {event.name}".strip())
