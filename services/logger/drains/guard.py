"""The platform's own listeners, where no drain may go: the store, and whoever stands in the mesh."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

import structlog

from libs.keyspace.records import MeshMember
from libs.store.mirror import Mirror
from services.logger.drains.addresses import faces
from services.logger.drains.names import Names
from services.logger.drains.way import Address

EVERY_SECONDS = 60.0  # between two look-ups of all names
DOUBT_SECONDS = 2.0  # the same while one has no answer
LOOK_UP_SECONDS = 10.0
KEPT_SECONDS = 3600.0  # a listener whose record or address is gone may be there still: absence is not a verdict
MOST_LOOK_UPS = 64  # at once: names that hang do not keep others from their turn
MOST_TOLD = 3  # names in an error
REMEDY = "make that host resolve the name, or announce an address (DEIS_NODE_ADDRESS where the daemon runs)"
PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}

log = structlog.get_logger("logger")


class Doubt(NamedTuple):
    """A listener of the platform's whose address was never known here."""

    host: str
    port: int
    who: str


class Guard:
    """Tells the platform's listeners by address and port. A name keeps its last answer where it has none now.

    While one never had any, nobody knows which address is its listener's: then its ports are refused at all addresses,
    and those alone, so that one member whose name does not resolve here stops no drain to anywhere else.
    """

    def __init__(self, endpoints: str, members: Mirror[MeshMember], names: Names | None = None) -> None:
        self._store = tuple(store_listeners(endpoints))
        self._members = members
        self._names = names or Names(share=MOST_LOOK_UPS)
        self._answers: dict[str, frozenset[str]] = {}  # by host
        self._seen: dict[Address, float] = {}  # the clock's time at which each one was known last
        self._last: dict[tuple[str, ...], tuple[MeshMember, float]] = {}  # and each member, gone ones too
        self._doubts: tuple[Doubt, ...] = ()  # those that the journal was told of
        self._listeners: dict[Address, str] | None = None  # whose they are by host and port; None: to be read anew
        self._changed = asyncio.Event()
        members.on_change(self._moved)

    def doubt(self, port: int) -> str:
        """See `Listeners`: the mesh was not read yet, or a name in it that is announced with this port is unknown."""
        if not self._members.complete:
            return "the logger has not read yet where the platform's daemons listen; it goes on as soon as it has"
        names = sorted({f"{host} ({who})" for host, at, who in self.doubts() if at == port})
        if not names:
            return ""
        told = ", ".join(names[:MOST_TOLD]) + (f" and {len(names) - MOST_TOLD} more" if len(names) > MOST_TOLD else "")
        return f"the logger's host finds no address for {told}; {REMEDY}"

    def doubts(self) -> tuple[Doubt, ...]:
        """The listeners whose addresses were never known."""
        wanted = self._wanted().items()
        return tuple(sorted(Doubt(host, port, who) for (host, port), who in wanted if not self._addresses(host)))

    def fact(self) -> object:
        """What an operator asks: the ports where drains wait, and for whose addresses."""
        if not self._members.complete:
            return "at all ports: the mesh was not read yet"
        return [f"port {port}: no address for {host} ({who})" for host, port, who in self.doubts()] or "none"

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
                async with asyncio.timeout(DOUBT_SECONDS if self._doubts else EVERY_SECONDS):
                    await self._changed.wait()

    async def look(self) -> None:
        """Look all names up once."""
        self._listeners = None
        hosts = {host for host, _ in self._wanted() if not _literal(host)}
        async with asyncio.TaskGroup() as group:
            for host in hosts:
                group.create_task(self._look_up(host), name=f"look {host} up")
        for gone in self._answers.keys() - hosts:
            del self._answers[gone]
        now = asyncio.get_running_loop().time()
        seen = {address: at for address, at in self._seen.items() if at > now - KEPT_SECONDS}
        self._seen = seen | dict.fromkeys(self._known(), now)
        doubts = self.doubts()
        if doubts and doubts != self._doubts:
            log.warning(
                "no log drain goes to some ports: listeners of the platform's have no address on this host",
                ports=sorted({doubt.port for doubt in doubts}),
                names=sorted({f"{doubt.host} ({doubt.who})" for doubt in doubts}),
                remedy=f"{REMEDY}; or let drains go inward (DEIS_LOGGER_DRAIN_INWARD)",
            )
        self._doubts = doubts

    async def _look_up(self, host: str) -> None:
        with suppress(OSError):  # of which TimeoutError is one
            async with asyncio.timeout(LOOK_UP_SECONDS):
                infos = await self._names.look_up("platform", host, host, 0)
                self._answers[host] = frozenset(str(face) for info in infos for face in faces(str(info[4][0])))

    def _moved(self, _: object) -> None:
        self._listeners = None
        self._changed.set()

    def _wanted(self) -> dict[Address, str]:
        """Who listens where: whoever is in the mesh, or was within the hour and did not come back elsewhere."""
        if self._listeners is None:
            now = asyncio.get_running_loop().time()
            last = self._last | {key: (member, now) for key, member in self._members.items()}
            self._last = {key: (member, at) for key, (member, at) in last.items() if at > now - KEPT_SECONDS}
            self._listeners = dict.fromkeys(self._store, "the store") | {
                listener: f"{member.service} {member.id}"
                for member, _ in self._last.values()
                for listener in member_listeners(member)
            }
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
        return frozenset(str(face) for face in faces(host))
    except ValueError:
        return frozenset()
