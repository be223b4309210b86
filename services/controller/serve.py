"""The controller's parts: the API on its listener, and the deployer behind an election."""

from __future__ import annotations

import secrets

import aiohttp

from libs.daemon import Daemon, announcement, url_at
from libs.engine import Engine
from libs.engine.opening import open_engine
from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import Leader
from libs.loglines.token import internal_token
from libs.store import Store
from libs.store.election import Election
from libs.store.opening import open_store_for
from libs.store.session import Session
from libs.vault import open_vault
from libs.web import listen, open_client
from services.controller.accounts import Accounts
from services.controller.api import api
from services.controller.cancelling import Cancels
from services.controller.controller import Controller
from services.controller.deployer import Deployer, DeployerSettings
from services.controller.events import Events
from services.controller.passwords import Passwords
from services.controller.picture import Picture
from services.controller.releasing import Releasing
from services.controller.settings import ControllerSettings
from services.controller.settling import Settling


async def serve(daemon: Daemon) -> None:
    """Serve the API and run the deployer until the process is asked to end."""
    settings = ControllerSettings()
    async with (
        open_store_for(daemon, settings) as store,
        open_engine(settings) as engine,
        open_client() as client,
    ):
        await control(daemon, settings, store, engine, client)


def build(settings: ControllerSettings, store: Store, client: aiohttp.ClientSession) -> Controller:
    """The API's parts over an open store."""
    keyspace = Keyspace(settings.store_prefix)
    picture = Picture(store, keyspace)
    vault = open_vault(settings.home / "secrets" / "config.key")
    events = Events(store, keyspace)
    return Controller(
        settings=settings,
        store=store,
        keyspace=keyspace,
        picture=picture,
        vault=vault,
        accounts=Accounts(store, keyspace, picture, Passwords()),
        releasing=Releasing(store, keyspace, vault),
        cancels=Cancels(store, keyspace),
        settling=Settling(picture, vault, events, limit=settings.controller_wait_seconds),
        events=events,
        client=client,
        internal_token=internal_token(settings.internal_token, settings.home),
    )


async def control(
    daemon: Daemon, settings: ControllerSettings, store: Store, engine: Engine, client: aiohttp.ClientSession
) -> None:
    """The same over a store and an engine that are open."""
    controller = build(settings, store, client)
    keys, picture = controller.keyspace, controller.picture
    me = f"{settings.node}-{secrets.token_hex(4)}"
    session = Session(store, ttl=settings.presence_seconds)
    leader = Leader(id=me, node=settings.node, since=now())
    election = Election(store, keys.leaders, "deployer", me=leader, ttl=settings.presence_seconds)
    deployer = Deployer(
        store=store,
        keyspace=keys,
        engine=engine,
        unseal=controller.vault.unseal,
        election=election,
        settings=DeployerSettings(),
        registry=daemon.registry,
    )

    app = api(controller, daemon.registry)
    async with listen(app, settings.controller_host, settings.controller_port) as port:
        here = url_at(settings.controller_host, port, node_address=settings.node_address)
        url = settings.controller_url or here
        member = announcement(daemon, id_=me, node=settings.node, url=url)
        await session.publish(keys.mesh.key("controller", me), member.encode())
        daemon.ready["store read"] = lambda: picture.complete
        daemon.ready["presence held"] = lambda: session.held
        try:
            await daemon.run(
                keep_present=session.run(),
                campaign=election.run(),
                **picture.tasks(),
                **deployer.join(daemon),
            )
        finally:
            controller.settling.stop()
