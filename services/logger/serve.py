"""The logger's parts, put together."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

from libs.daemon import Daemon, announcement, url_at
from libs.keyspace import Keyspace
from libs.loglines.sharing import logger_of
from libs.loglines.token import internal_token
from libs.store import Store
from libs.store.mirror import Mirror
from libs.store.opening import open_store_for
from libs.store.session import Session
from libs.vault import open_vault
from libs.web import listen
from services.logger.api import LogApi
from services.logger.archive import Archive, Bounds
from services.logger.departed import Departed
from services.logger.drains.opening import drain_tasks
from services.logger.metrics import ArchiveCollector
from services.logger.platform_lines import saying
from services.logger.settings import LoggerSettings
from services.logger.syslog_listener import syslog_tasks
from services.logger.tail_listener import listen_for_tails

LOOK_SECONDS = 30.0  # between two looks for apps that are gone
ANNOUNCE_SECONDS = 1.0  # between two looks at which keys of secrets are here; they are announced as they change


async def serve(daemon: Daemon) -> None:
    """Run the logger."""
    settings = LoggerSettings()
    async with open_store_for(daemon, settings) as store:
        await keep_lines(daemon, settings, store)


async def keep_lines(daemon: Daemon, settings: LoggerSettings, store: Store) -> None:
    """The same over a store that is open."""
    keys = Keyspace(settings.store_prefix)
    archive = Archive(
        Bounds(
            settings.logger_lines,
            settings.logger_bytes,
            settings.logger_memory,
            settings.logger_floor,
            settings.logger_apps,
        )
    )
    daemon.registry.register(ArchiveCollector(archive))
    apps = Mirror(store, keys.apps)
    events = Mirror(store, keys.events)
    members = Mirror(store, keys.mesh, "logger")
    events.on_change(saying(archive))
    session = Session(store, ttl=settings.presence_seconds)
    vault = open_vault(settings.home / "secrets" / "config.key")
    departed = Departed(settings.logger_forget_seconds)

    def uuid_of(name: str) -> str | None:
        app = apps.get(name)
        return app.uuid if app else None

    async def forget_departed_apps() -> None:
        if apps.complete and apps.current:
            present = [app.uuid for _, app in apps.items()]
            for uuid in departed.look(archive.rings(), present, at=asyncio.get_running_loop().time()):
                archive.forget(uuid)

    def keeps(uuid: str) -> bool:
        member_ = logger_of(uuid, [member for _, member in members.items()])
        return member_ is None or member_.id == settings.node

    token = internal_token(settings.internal_token, settings.home)
    api = LogApi(archive, uuid_of, token=token, open_reads=is_loopback(settings.logger_host))
    async with (
        listen(api.application(daemon.registry), settings.logger_host, settings.logger_port) as port,
        listen_for_tails(daemon, settings, store, archive, apps=apps, loggers=members) as tails,
    ):
        url = url_at(settings.logger_host, port, node_address=settings.node_address)
        member = announcement(daemon, id_=settings.node, node=settings.node, url=url).changed(sockets_url=tails.url)
        here = keys.mesh.key("logger", settings.node)

        async def announce() -> None:
            vault.refresh()
            await session.publish(here, member.changed(vault_keys=vault.key_ids).encode())

        await announce()
        daemon.loop("announce", announce, every=ANNOUNCE_SECONDS)
        daemon.loop("forget_departed_apps", forget_departed_apps, every=LOOK_SECONDS)
        daemon.ready["apps mirrored"] = lambda: apps.complete
        daemon.ready["events mirrored"] = lambda: events.complete
        daemon.ready["announced"] = lambda: session.held
        syslog = syslog_tasks(daemon, settings, archive, apps=apps, keeps=keeps)
        drains = drain_tasks(daemon, settings, store, archive, loggers=members, vault=vault)
        await daemon.run(
            mirror_apps=apps.run(),
            mirror_events=events.run(),
            mirror_loggers=members.run(),
            hold_the_lease=session.run(),
            mirror_users=tails.users.run(),
            mirror_tokens=tails.tokens.run(),
            **syslog,
            **drains,
        )


def is_loopback(host: str) -> bool:
    """Whether only this host reaches what listens there."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
