"""The controller's parts: the API on its listener, and the deployer behind an election."""

from __future__ import annotations

import asyncio
import secrets

import aiohttp

from libs.daemon import Daemon, announcement, url_at
from libs.engine import Engine
from libs.engine.opening import open_engine
from libs.keyspace import BadRecord, Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import Leader
from libs.loglines.token import internal_token
from libs.store import Store, StoreUnavailable
from libs.store.election import Election
from libs.store.opening import open_store_for
from libs.store.session import Session
from libs.vault import open_vault
from libs.vault.custody import Custody
from libs.web import listen, open_client
from services.controller.accounts import Accounts
from services.controller.api import api
from services.controller.builder_key import BuilderKey
from services.controller.cancelling import Cancels
from services.controller.controller import Controller
from services.controller.deployer import Deployer, DeployerSettings
from services.controller.directory_logins import DirectoryLogins
from services.controller.drains import Drains
from services.controller.events import Events
from services.controller.followers import Followers
from services.controller.passwords import Passwords
from services.controller.picture import Picture
from services.controller.releasing import Releasing
from services.controller.running import Running
from services.controller.settings import ControllerSettings
from services.controller.settling import Settling

VAULT = "the key of the platform's secrets"  # a condition and a fact of the daemon


async def serve(daemon: Daemon) -> None:
    """Serve the API and run the deployer until the process is asked to end."""
    settings = ControllerSettings()
    async with (
        open_store_for(daemon, settings) as store,
        open_engine(settings) as engine,
        open_client() as client,
    ):
        await control(daemon, settings, store, engine, client)


def build(settings: ControllerSettings, store: Store, engine: Engine, client: aiohttp.ClientSession) -> Controller:
    """The API's parts over an open store."""
    keyspace = Keyspace(settings.store_prefix)
    picture = Picture(store, keyspace)
    vault = open_vault(settings.home / "secrets" / "config.key")
    events = Events(store, keyspace)
    releasing = Releasing(store, keyspace, vault)
    limit = settings.controller_wait_seconds
    return Controller(
        settings=settings,
        store=store,
        keyspace=keyspace,
        picture=picture,
        vault=vault,
        custody=Custody(store, keyspace, vault, picture.platform.mirror),
        accounts=Accounts(
            store,
            keyspace,
            picture,
            passwords=Passwords(),
            directory=DirectoryLogins(store, keyspace, picture, vault),
            events=events,
        ),
        builder_key=BuilderKey(settings.builder_key, store, keyspace, vault, picture.platform.mirror),
        releasing=releasing,
        cancels=Cancels(store, keyspace),
        settling=Settling(picture, vault, events, limit=limit),
        running=Running(engine=engine, picture=picture, releasing=releasing, events=events, limit=limit),
        events=events,
        engine=engine,
        followers=Followers(settings.controller_most_followers),
        client=client,
        internal_token=internal_token(settings.internal_token, settings.home),
    )


async def control(
    daemon: Daemon, settings: ControllerSettings, store: Store, engine: Engine, client: aiohttp.ClientSession
) -> None:
    """The same over a store and an engine that are open."""
    controller = build(settings, store, engine, client)
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
        mirrors=picture.mirrors,
        registry=daemon.registry,
    )

    app = api(controller, daemon.registry)
    async with listen(app, settings.controller_host, settings.controller_port) as port:
        url = settings.controller_url or url_at(settings.controller_host, port, node_address=settings.node_address)
        member = announcement(daemon, id_=me, node=settings.node, url=url)
        daemon.ready["store read"] = lambda: picture.complete
        daemon.ready["presence held"] = lambda: session.held
        daemon.loop("write_token_uses", controller.accounts.tokens.write_uses, every=60.0, expected=(StoreUnavailable,))
        here = keys.mesh.key("controller", me)

        async def hold_the_vault_key() -> None:
            await controller.custody.look()
            ready, held = not controller.custody.lacking, controller.vault.key_ids
            await session.publish(here, member.changed(ready=ready, vault_keys=held).encode())

        hold = daemon.loop("hold_the_vault_key", hold_the_vault_key, every=1.0, expected=(StoreUnavailable, BadRecord))
        builder_key = daemon.loop(
            "make_the_builder_key", controller.builder_key.ensure, every=30.0, expected=(StoreUnavailable, BadRecord)
        )
        drains = Drains(store, keys, picture, controller.vault)
        daemon.loop("drop_orphaned_drain_states", drains.drop_orphaned_states, every=30.0, expected=(StoreUnavailable,))
        picture.platform.mirror.on_change(lambda _: hold.wake())
        picture.platform.mirror.on_change(lambda _: builder_key.wake())
        daemon.ready[VAULT] = lambda: not controller.custody.trouble
        daemon.facts[VAULT] = lambda: controller.custody.trouble or "held"
        try:
            await daemon.run(
                keep_present=session.run(),
                campaign=campaign(controller.custody, election),
                one_off_runs=controller.running.keep(),
                **picture.tasks(),
                **deployer.join(daemon),
            )
        finally:
            controller.settling.stop()


async def campaign(custody: Custody, election: Election) -> None:
    """Campaign for the deployer while the key of the platform's secrets is here: without it no instance can start."""
    while True:
        await custody.held()
        async with asyncio.TaskGroup() as group:
            campaigning = group.create_task(election.run(), name="campaign")
            await custody.lost()
            campaigning.cancel()
