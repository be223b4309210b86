"""Hosts of one platform, each with a home and a key file of its own, around a real etcd."""

from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from libs.daemon import Settings
from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import MeshMember
from libs.store import Store
from libs.store.opening import open_driver
from libs.store.shelf import Shelf
from libs.vault import LiveVault
from libs.vault.commands.command import parser, perform
from libs.vault.designation import Designations
from libs.vault.inventory import Inventory, take_inventory
from libs.vault.keyfile import KeyFile
from tests.support.api import Api, running_api
from tests.support.etcd import EtcdServer
from tests.support.ports import free_port

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def all(self) -> str:
        """Both streams."""
        return self.out + self.err


@dataclass(frozen=True)
class Host:
    """One host: its home, and the `deis-daemon vault` command there."""

    home: Path
    endpoint: str
    prefix: str

    @property
    def name(self) -> str:
        """Its name in the platform."""
        return self.home.name

    @property
    def file(self) -> KeyFile:
        """Its key file."""
        return KeyFile(self.home / "secrets" / "config.key")

    @property
    def environment(self) -> dict[str, str]:
        """What its daemons run with."""
        return {
            **os.environ,
            "DEIS_HOME": str(self.home),
            "DEIS_NODE": self.name,
            "DEIS_STORE_ENDPOINTS": self.endpoint,
            "DEIS_STORE_PREFIX": self.prefix,
            "DEIS_ENGINE": "memory",
        }

    @property
    def command(self) -> list[str]:
        """`deis-daemon`."""
        return [sys.executable, "-m", "libs.daemon"]

    def away(self) -> Host:
        """The same host with an etcd that does not answer."""
        return Host(self.home, f"127.0.0.1:{free_port()}", self.prefix)

    def start(
        self, *words: str, environment: Mapping[str, str] | None = None, stderr: int | IO[str] = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        """Start `deis-daemon` with these words."""
        return subprocess.Popen(
            [*self.command, *words],
            env={**self.environment, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def run(self, *words: str, stdin: str = "") -> Said:
        """Run `deis-daemon vault …` to its end, as a process."""
        process = self.start("vault", *words)
        out, err = process.communicate(stdin, timeout=60)
        return Said(process.returncode, out, err)

    async def vault(self, *words: str, stdin: str = "") -> Said:
        """Do the same within this process: a Python process takes a second to start."""
        settings = Settings(
            home=self.home, node=self.name, store_endpoints=self.endpoint, store_prefix=self.prefix, engine="memory"
        )
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            status = await perform(settings, parser().parse_args(words))
        return Said(status, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class World:
    """The platform around its etcd."""

    store: Store
    keyspace: Keyspace
    host: Callable[[str], Host]

    @property
    def designations(self) -> Designations:
        """Which key seals."""
        return Designations(self.store, self.keyspace)

    def api(self, host: Host) -> AbstractAsyncContextManager[Api]:
        """A controller's API on this host."""
        return running_api(self.store, host.home, prefix=self.keyspace.prefix)

    async def inventory(self, host: Host) -> Inventory:
        """What is sealed, and opens with this host's keys."""
        return await take_inventory(self.store, self.keyspace, LiveVault(host.file.path))

    async def announce(self, host: Host, service: str, *keys: str) -> None:
        """Have a daemon on a host, that says which keys it has."""
        member = MeshMember(
            service=service, id=host.name, node=host.name, url="http://127.0.0.1:1", vault_keys=keys, started=now()
        )
        await Shelf(self.store, self.keyspace.mesh).put(member, service, host.name)


def key_of(host: Host) -> str:
    """The one key of a host."""
    (key_id,) = host.file.read()
    return key_id


def tells_nothing_secret(said: Said, *hosts: Host) -> None:
    """Neither a key nor a config value."""
    assert PASSWORD not in said.all
    for host in hosts:
        for key in host.file.read().values():
            assert base64.b64encode(key).decode() not in said.all


@asynccontextmanager
async def opened(endpoint: str, prefix: str) -> AsyncIterator[Store]:
    """A bare client of an etcd."""
    driver = open_driver(Settings(store_endpoints=endpoint, store_prefix=prefix))
    try:
        yield driver
    finally:
        await driver.close()


@pytest.fixture
async def world(etcd: EtcdServer, tmp_path: Path) -> AsyncIterator[World]:
    prefix = f"/test-{uuid.uuid4().hex[:8]}"
    async with opened(etcd.endpoint, prefix) as store:
        yield World(store, Keyspace(prefix), lambda name: Host(tmp_path / name, etcd.endpoint, prefix))


@pytest.fixture
def one(world: World) -> Host:
    """The host of the first controller."""
    return world.host("one")


@pytest.fixture
def two(world: World) -> Host:
    """Another host."""
    return world.host("two")


@pytest.fixture
async def filled(world: World, one: Host) -> World:
    """A platform with three releases of `hello`; its key is on `one`."""
    async with world.api(one) as api:
        admin = await api.client.joined("admin")
        await admin("POST", "/v1/apps", {"id": "hello"})
        for number in (2, 3):
            answer = await admin("POST", "/v1/apps/hello/config", {"values": {f"PASSWORD_{number}": PASSWORD}})
            assert answer.status == 201
    return world
