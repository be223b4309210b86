"""The proof of the accounts: agent, logger and Docker Engine die at random while numbered lines flow.

What every instance wrote is in the logger in the end, each line once and in its order, or a line told that some are
missing, between which times. What Docker took from a container and had not written to its file when it was killed, no
reader of its files can ever see: where it died, a told gap must cover that, too.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from libs.engine import Identity, InstanceSpec
from libs.engine.drivers.docker import DockerEngine, DockerSettings, container, open_driver
from libs.keyspace import Keyspace
from libs.keyspace.records import Instance
from libs.store.opening import open_driver as open_store
from libs.store.shelf import Shelf
from tests.support.daemon_process import DaemonProcess
from tests.support.dockerd import Dockerd, free_subnet
from tests.support.etcd import EtcdServer
from tests.support.ports import free_port
from tests.support.waiting import eventually

SEED = int(os.environ.get("DEIS_TEST_SEED", "20261123"))
SECONDS = float(os.environ.get("DEIS_TEST_ACCOUNTING_SECONDS", "20"))
NODE = "n1"
KEYS = Keyspace()
GAP = re.compile(r"lines may be missing: .* between (\S+) and (\S+) ")
NUMBERED = re.compile(r"(out|err) (\d+)$")

# Each says how many lines it wrote to each stream, when it is asked to end.
SLOW = "echo out $((o+=1)); echo err $((e+=1)) >&2; usleep 50000"
QUICK = "echo out $((o+=1)); echo out $((o+=1)); echo err $((e+=1)) >&2; usleep 3000"
BURSTS = "i=0; while [ $((i+=1)) -le 500 ]; do echo out $((o+=1)); done; echo err $((e+=1)) >&2; sleep 0.7"


def script(body: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", f"o=0; e=0; trap 'echo wrote $o $e; exit 0' TERM; while :; do {body}; done")


@dataclass
class Account:
    """One instance's lines as the logger has them: numbers with their times, by stream; and the gaps that were told."""

    numbers: dict[str, list[tuple[int, datetime]]] = field(default_factory=lambda: {"out": [], "err": []})
    gaps: list[tuple[datetime, datetime]] = field(default_factory=list)
    wrote: dict[str, int] | None = None

    @classmethod
    def of(cls, text: str) -> Account:
        account = cls()
        for line in text.splitlines():
            stamp, _, rest = line.partition(" ")
            said = rest.partition(": ")[2]
            if found := NUMBERED.match(said):
                account.numbers[found[1]].append((int(found[2]), _time(stamp)))
            elif found := GAP.match(said):
                account.gaps.append((_time(found[1]), _time(found[2])))
            elif said.startswith("wrote "):
                out, err = map(int, said.split()[1:])
                account.wrote = {"out": out, "err": err}
        return account

    def wrong(self, *, begun: bool) -> list[str]:
        """Every double, every line out of its order, and every hole that no gap covers; `begun`: from the first on."""
        assert self.wrote is not None
        found = []
        for stream, numbers in self.numbers.items():
            last = 0 if begun or not numbers else numbers[0][0] - 1
            at = datetime.min.replace(tzinfo=UTC)
            for number, time in [*numbers, (self.wrote[stream] + 1, datetime.max.replace(tzinfo=UTC))]:
                if number <= last:
                    found.append(f"{stream} {number} comes after {last}")
                elif number > last + 1 and not self._told(at, time):
                    hole = f"{stream} {last + 1} to {number - 1} are missing between {at} and {time}"
                    found.append(f"{hole}, and nobody said so: {self.gaps}")
                last, at = number, time
        return found

    def _told(self, after: datetime, before: datetime) -> bool:
        """Whether a gap lies between two lines that were kept; shown times have whole seconds."""
        return any(since <= before and until >= after for since, until in self.gaps)


def _time(stamp: str) -> datetime:
    return datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SUTC").replace(tzinfo=UTC)


class Plant:
    """Etcd, a Docker Engine, a logger and an agent, all as processes."""

    def __init__(self, home: Path, dockerd: Dockerd, engine: DockerEngine, etcd: EtcdServer, prefix: str) -> None:
        self.dockerd = dockerd
        self.engine = engine
        self.port = free_port()
        self._prefix = prefix
        self._etcd = etcd
        environment = {
            "PATH": os.environ["PATH"],
            "DEIS_HOME": str(home),
            "DEIS_NODE": NODE,
            "DEIS_STORE_ENDPOINTS": etcd.endpoint,
            "DEIS_STORE_PREFIX": prefix,
            "DEIS_DOCKER_HOST": dockerd.host,
            "DEIS_PLATFORM": engine_platform(prefix),
            "DEIS_LOGGER_PORT": str(self.port),
            "DEIS_LOGGER_SOCKETS_PORT": str(free_port()),
            "DEIS_LOGGER_LINES": "10000000",
            "DEIS_LOGGER_BYTES": str(1 << 30),
            "DEIS_LOGGER_MEMORY": str(1 << 30),
            "DEIS_LOG_AGENT_REFILL_LINES": "10000000",
            "DEIS_PRESENCE_SECONDS": "2",
        }
        self.agent = DaemonProcess("log_agent", environment, home / "log_agent.log")
        self.logger = DaemonProcess("logger", environment, home / "logger.log")

    async def run(self, app: str, body: str) -> str:
        """An instance of an app, published as its node's publisher does; its container's name."""
        identity = Identity(id=f"i{app}", app=app, app_uuid=f"uuid-{app}", type="web", number=1, release=1)
        found = await self.engine.resolve("busybox")
        await self.engine.start(InstanceSpec(identity, found.digest, command=script(body)))
        await self.publish(identity)
        return identity.name

    async def publish(self, identity: Identity) -> None:
        """Write its record as the engine has it."""
        seen = next(one for one in (await self.engine.instances()).instances if one.name == identity.name)
        record = Instance(
            id=identity.id,
            name=identity.name,
            node=NODE,
            app=identity.app,
            app_uuid=identity.app_uuid,
            type="web",
            number=1,
            release=1,
            state=seen.state,
            started=seen.started,
            finished=seen.finished,
        )
        settings = DockerSettings(store_endpoints=self._etcd.endpoint, store_prefix=self._prefix)
        store = open_store(settings)
        try:
            await Shelf(store, Keyspace(self._prefix).instances).put(record, NODE, identity.app, identity.id)
        finally:
            await store.close()

    async def account(self, app: str) -> Account:
        """What the logger has of an app now."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}/{app}", params={"log_lines": "10000000"}) as answer,
        ):
            return Account.of((await answer.read()).decode())

    async def ended(self, app: str) -> bool:
        """Whether the last words of an app's instance arrived."""
        try:
            return (await self.account(app)).wrote is not None
        except aiohttp.ClientError:
            return False

    async def kill(self, victim: str, pause: float) -> None:
        """`kill -9`, and start again a moment later."""
        if victim == "dockerd":
            await asyncio.to_thread(self.dockerd.kill9)
            await asyncio.to_thread(self.dockerd.start)
            return
        process = self.agent if victim == "agent" else self.logger
        process.kill9()
        await asyncio.sleep(pause)
        process.start()


def engine_platform(prefix: str) -> str:
    return prefix.strip("/")


@asynccontextmanager
async def a_plant(home: Path, dockerd: Dockerd, etcd: EtcdServer) -> AsyncIterator[Plant]:
    prefix = f"/t{uuid.uuid4().hex[:8]}"
    settings = DockerSettings(
        home=home, docker_host=dockerd.host, platform=engine_platform(prefix), subnet=free_subnet()
    )
    async with open_driver(settings) as engine:
        plant = Plant(home, dockerd, engine, etcd, prefix)
        plant.logger.start()
        plant.agent.start()
        try:
            yield plant
        finally:
            plant.agent.kill9()
            plant.logger.kill9()


@pytest.mark.parametrize("victims", [("agent", "logger"), ("agent", "logger", "dockerd")])
async def test_every_line_is_kept_once_or_told_missing_whoever_is_killed(
    own_docker_engine: Dockerd,
    etcd: EtcdServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    victims: tuple[str, ...],
) -> None:
    chance = random.Random(SEED)
    async with a_plant(tmp_path, own_docker_engine, etcd) as plant:
        apps = {"slow": SLOW, "quick": QUICK, "bursts": BURSTS}
        names = {app: await plant.run(app, body) for app, body in apps.items()}
        with monkeypatch.context() as patch:
            # Its files hold little: what is said while nobody reads is gone soon.
            patch.setattr(container, "LOG_CONFIG", {"Type": "local", "Config": {"max-size": "64k", "max-file": "2"}})
            names["rotated"] = await plant.run("rotated", QUICK)
        loop = asyncio.get_running_loop()
        end = loop.time() + SECONDS
        killed: list[str] = []
        while loop.time() < end or set(killed) != set(victims):
            await asyncio.sleep(chance.uniform(0.5, 2.5))
            victim = chance.choice(victims)
            await plant.kill(victim, chance.uniform(0, 1.5))
            killed.append(victim)
        for name in names.values():
            await plant.engine.stop(name, grace=20)
        for app in names:
            await eventually(partial(plant.ended, app), within=90, what=f"the end of {app}; killed: {killed}")
        accounts = {app: await plant.account(app) for app in names}
        # Its history died with a logger, and its files hold little of it: what is left begins anywhere.
        wrong = {app: found for app, one in accounts.items() if (found := one.wrong(begun=app != "rotated"))}
        assert wrong == {}, f"seed {SEED}, killed {killed}"
        assert all(len(one.numbers["out"]) > 100 for one in accounts.values())
        # What an engine took and had not stored when it died is nowhere, so each death is told, lost lines or not.
        told = {app for app, one in accounts.items() if one.gaps}
        assert "dockerd" not in killed or told >= names.keys() - {"rotated"}, f"seed {SEED}, killed {killed}"
