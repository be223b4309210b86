"""What every command works with: this host's key file, the store, and the operator."""

from __future__ import annotations

import socket
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from libs.daemon import Settings
from libs.keyspace import Keyspace
from libs.keyspace.records import MeshMember
from libs.store import Store
from libs.store.opening import open_driver
from libs.store.shelf import Shelf
from libs.vault.designation import Designation, Designations
from libs.vault.inventory import Inventory, take_inventory
from libs.vault.keyfile import KeyFile
from libs.vault.live import LiveVault, remedy

NEED_KEYS = ("controller", "router", "logger")  # who opens secrets: loggers those of log drains
NAMED = 20  # things named one by one at most


class Refused(Exception):
    """The command does not do what it was asked; the message says why, and what would be right."""


@dataclass(frozen=True)
class Desk:
    """The parts, built once a command."""

    settings: Settings
    store: Store
    keyspace: Keyspace
    vault: LiveVault
    designations: Designations

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[Desk]:
        """The parts; the store is connected when it is first asked."""
        driver, keyspace = open_driver(settings), Keyspace(settings.store_prefix)
        vault = LiveVault(settings.home / "secrets" / "config.key")
        try:
            yield cls(settings, driver, keyspace, vault, Designations(driver, keyspace))
        finally:
            await driver.close()

    @property
    def file(self) -> KeyFile:
        """This host's key file."""
        return self.vault.file

    async def inventory(self) -> Inventory:
        """What is sealed, now."""
        return await take_inventory(self.store, self.keyspace, self.vault)

    async def sealing(self) -> tuple[Designation, str]:
        """What is designated, and the key that seals; raises `Refused` where there is none, or not on this host."""
        designated = await self.designations.read()
        if designated.seals is None:
            raise Refused(
                f"no key is designated yet in the store at {self.settings.store_endpoints}: a platform's first "
                "controller does that; start one, or look at DEIS_STORE_ENDPOINTS and DEIS_STORE_PREFIX"
            )
        if not self.vault.holds(designated.seals):
            raise Refused(
                f"the platform seals with key {designated.seals!r}, which is not on this host; {remedy(self.file.path)}"
            )
        return designated, designated.seals

    async def elsewhere(self) -> list[MeshMember]:
        """The daemons of other hosts that are there now."""
        members = [stored.document for stored in await Shelf(self.store, self.keyspace.mesh).list()]
        return [member for member in members if member.node != self.settings.node]


def say(*lines: str) -> None:
    """Tell the operator, on standard output."""
    sys.stdout.write("".join(line + "\n" for line in lines))
    sys.stdout.flush()


def warn(*lines: str) -> None:
    """Tell the operator what a pipe must not carry, on standard error."""
    sys.stderr.write("".join(f"deis-daemon vault: {line}\n" for line in lines))
    sys.stderr.flush()


def confirm(what: str, question: str) -> None:
    """Raise `Refused` unless somebody at a terminal says yes."""
    if not sys.stdin.isatty():
        raise Refused(f"{what}: say so with `--yes`")
    sys.stderr.write(f"{what}. {question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise Refused("nothing was changed")


def listed(names: Iterable[str]) -> list[str]:
    """Some names, a line each, and how many more there are."""
    every = list(names)
    more = [f"  … and {len(every) - NAMED} more"] if len(every) > NAMED else []
    return [*(f"  {name}" for name in every[:NAMED]), *more]


def by_node(members: Iterable[MeshMember], services: Iterable[str] | None = None) -> Mapping[str, list[str]]:
    """The services of each node, of these kinds only where some are given."""
    found: dict[str, list[str]] = defaultdict(list)
    for member in members:
        if (services is None or member.service in services) and member.service not in found[member.node]:
            found[member.node].append(member.service)
    return {node: sorted(there) for node, there in sorted(found.items()) if there}


def told(nodes: Mapping[str, list[str]]) -> str:
    """`node-2 (controller, router), node-3 (router)`."""
    return ", ".join(f"{node} ({', '.join(services)})" for node, services in nodes.items())


def carry(nodes: Iterable[str]) -> list[str]:
    """The commands that bring this host's keys to others."""
    return [f"  deis-daemon vault backup - | ssh {node} deis-daemon vault restore -" for node in nodes]


def here() -> str:
    """This host, as people call it."""
    return socket.gethostname()
