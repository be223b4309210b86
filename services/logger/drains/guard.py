"""The platform's own listeners, where no drain may go: the store, and whoever stands in the mesh."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from urllib.parse import urlsplit

import structlog

from libs.keyspace.records import MeshMember
from libs.store.mirror import Mirror
from services.logger.drains.names import Names
from services.logger.drains.way import Address, plain

EVERY_SECONDS = 60.0  # between two look-ups of all names
DOUBT_SECONDS = 2.0  # the same while one has no answer
LOOK_UP_SECONDS = 10.0
KEPT_SECONDS = 3600.0  # a listener whose record or address is gone may be there still: absence is not a verdict
PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}

log = structlog.get_logger("logger")


class Guard:
    """Tells the platform's listeners by address and port. A name keeps its last answer where it has none now."""

    def __init__(self, endpoints: str, members: Mirror[MeshMember], names: Names | None = None) -> None:
        self._store = tuple(store_listeners(endpoints))
        self._members = members
        self._names = names or Names()
        self._answers: dict[str, frozenset[str]] = {}  # by host
        self._seen: dict[Address, float] = {}  # the clock's time at which each one was known last
        self._silent: tuple[str, ...] = ()  # names that never had an answer
        self._listeners: frozenset[Address] | None = None  # by host and port; None: to be read anew
        self._changed = asyncio.Event()
        members.on_change(self._moved)

    @property
    def doubt(self) -> bool:
        """Whether the mesh was not read yet, or a name in it never had an answer."""
        return not self._members.complete or any(not self._addresses(host) for host, _ in self._wanted())

    def __contains__(self, address: object) -> bool:
        """Whether this address and port are the platform's; those that were announced just now are, too."""
        return address in self._seen or address in self._known()

    async def run(self) -> None:
        """Keep the addresses known, for ever."""
        await self._members.wait_complete()
        while True:
            self._changed.clear()
            await self.look()
            with suppress(TimeoutError):
                async with asyncio.timeout(DOUBT_SECONDS if self.doubt else EVERY_SECONDS):
                    await self._changed.wait()

    async def look(self) -> None:
        """Look all names up once."""
        hosts = {host for host, _ in self._wanted() if not _literal(host)}
        async with asyncio.TaskGroup() as group:
            for host in hosts:
                group.create_task(self._look_up(host), name=f"look {host} up")
        for gone in self._answers.keys() - hosts:
            del self._answers[gone]
        now = asyncio.get_running_loop().time()
        seen = {address: at for address, at in self._seen.items() if at > now - KEPT_SECONDS}
        self._seen = seen | dict.fromkeys(self._known(), now)
        silent = tuple(sorted(hosts - self._answers.keys()))
        if silent and silent != self._silent:
            log.warning(
                "no log drain connects: names of the platform's own listeners have no address on this host",
                names=silent,
                remedy="make this host resolve them, or let drains go inward (DEIS_LOGGER_DRAIN_INWARD)",
            )
        self._silent = silent

    async def _look_up(self, host: str) -> None:
        with suppress(OSError):  # of which TimeoutError is one
            async with asyncio.timeout(LOOK_UP_SECONDS):
                infos = await self._names.look_up("platform", host, host, 0)
                self._answers[host] = frozenset(str(plain(str(info[4][0]))) for info in infos)

    def _moved(self, _: object) -> None:
        self._listeners = None
        self._changed.set()

    def _wanted(self) -> frozenset[Address]:
        if self._listeners is None:
            members = (listener for _, member in self._members.items() for listener in member_listeners(member))
            self._listeners = frozenset((*self._store, *members))
        return self._listeners

    def _known(self) -> set[Address]:
        return {(address, port) for host, port in self._wanted() for address in self._addresses(host)}

    def _addresses(self, host: str) -> frozenset[str]:
        return self._answers.get(host) or _literal(host)


def store_listeners(endpoints: str) -> Iterator[Address]:
    """The hosts and ports of `host:port,host:port`."""
    for endpoint in endpoints.split(","):
        host, _, port = endpoint.strip().rpartition("://")[2].rpartition(":")
        if host and port.isdigit():
            yield host.strip("[]"), int(port)


def member_listeners(member: MeshMember) -> Iterator[Address]:
    """The hosts and ports where a member listens for the platform; a router's `url` is everybody's."""
    urls = [member.sockets_url, member.admin_url, *([] if member.service == "router" else [member.url])]
    for url in urls:
        with suppress(ValueError):  # nobody reaches it there
            parts = urlsplit(url)
            port = parts.port or PORTS.get(parts.scheme)
            if parts.hostname and port:
                yield parts.hostname, port


@lru_cache(maxsize=65536)
def _literal(host: str) -> frozenset[str]:
    """The address that a host is itself; nothing for a name."""
    try:
        return frozenset({str(plain(host))})
    except ValueError:
        return frozenset()
