"""The tails' own listener, with all that stands behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from libs.daemon import Daemon, url_at
from libs.keyspace import Keyspace
from libs.keyspace.records import App, MeshMember, Token, User
from libs.loglines.tail import PROTOCOL
from libs.sockets.serving import listen_sockets
from libs.sockets.wire import Terms
from libs.store import Store
from libs.store.mirror import Mirror
from services.logger.archive import Archive
from services.logger.settings import LoggerSettings
from services.logger.tail_counts import TailCollector
from services.logger.tail_ends import Verdicts
from services.logger.tails import Tails
from services.logger.tickets import Tickets

LOOK_SECONDS = 10.0  # between two looks for tails that must end, where nothing wakes it
SPARE = 64  # connections beside the tails: those that are not let in yet
RECENT = 64  # accounts, and tokens, that are held unpacked


@dataclass(frozen=True)
class TailListener:
    """Where readers are let in, and the mirrors that must run meanwhile."""

    url: str
    users: Mirror[User]
    tokens: Mirror[Token]


@asynccontextmanager
async def listen_for_tails(  # noqa: PLR0913 - the parts of the logger that it uses
    daemon: Daemon,
    settings: LoggerSettings,
    store: Store,
    archive: Archive,
    *,
    apps: Mirror[App],
    loggers: Mirror[MeshMember],
) -> AsyncIterator[TailListener]:
    """Let readers in while the body runs. At its end all are told that this logger stops, and are gone."""
    keys = Keyspace(settings.store_prefix)
    users = Mirror(store, keys.users, recent=RECENT)
    tokens = Mirror(store, keys.tokens, recent=RECENT)
    tails = Tails(
        settings.node,
        archive,
        Tickets(store, keys),
        Verdicts(settings.node, apps=apps, users=users, tokens=tokens, loggers=loggers),
        most=settings.logger_tails,
        most_of_app=settings.logger_app_tails,
    )
    daemon.registry.register(TailCollector(tails.counts, lambda: len(tails)))
    loop = daemon.loop("end_tails", tails.look, every=LOOK_SECONDS)
    for mirror in (apps, users, tokens, loggers):
        mirror.on_change(lambda _: loop.wake())
    daemon.ready["users mirrored"] = lambda: users.complete
    daemon.ready["tokens mirrored"] = lambda: tokens.complete
    terms = Terms(PROTOCOL, connections=settings.logger_tails + SPARE, ping_seconds=settings.logger_ping_seconds)
    host = settings.logger_sockets_host
    async with listen_sockets(tails.admit, host, settings.logger_sockets_port, terms) as port:
        url = url_at(host, port, node_address=settings.node_address).replace("http", "ws", 1)
        try:
            yield TailListener(url, users, tokens)
        finally:
            await tails.stop()
