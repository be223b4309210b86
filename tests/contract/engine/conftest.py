"""One ground for each engine driver: the engine, and what happens around it."""

from __future__ import annotations

import math
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import pytest

from libs.engine import Endings, Engine, Exec, Images, Logs
from libs.engine.drivers.docker import DockerSettings, open_driver
from libs.engine.drivers.memory import MemoryEngine, Outcome
from libs.engine.opening import available
from tests.support.dockerd import Dockerd, free_subnet

SAYING = 'trap "exit 0" TERM; echo hello; echo oops >&2; while :; do sleep 1 & wait $!; done'

HANGING = ("sh", "-c", "echo begun; sleep 1000000 & wait; echo more")
CHATTY = ("sh", "-c", "yes | head -c 100000; printf 'a\\377b, the end\\n'")


class Driver(Engine, Images, Logs, Endings, Exec, Protocol):
    """What both drivers are."""


class Ground(Protocol):
    """A host with an engine."""

    engine: Driver

    async def client(self, platform: str = "") -> Driver:
        """Another client: of the same platform, or of another one on the same host."""
        ...

    async def image(self, reference: str, *ports: int) -> None:
        """The host has this image now."""
        ...

    async def crash(self, name: str) -> None:
        """The process dies by itself."""
        ...

    async def say(self, name: str) -> None:
        """The process has said `hello` on its standard output, and `oops` on its standard error, once a run."""
        ...

    def hangs(self, name: str) -> bool:
        """Whether something of the command `HANGING` goes on in this instance."""
        ...

    async def take_away(self, name: str) -> None:
        """Somebody else removes the container."""
        ...

    async def strange(self, name: str) -> None:
        """Somebody makes a container that has the platform's label, and no other."""
        ...

    async def go_away(self) -> None:
        """The engine does not answer any more; processes run on."""
        ...

    async def come_back(self) -> None:
        """The engine answers again."""
        ...


class MemoryGround:
    """The engine in memory."""

    engine: Driver

    def __init__(self) -> None:
        self.memory = MemoryEngine()
        self.engine = self.memory
        self.clients = [self.memory]

    async def client(self, platform: str = "") -> MemoryEngine:
        self.clients.append(self.memory.fork(platform=platform or None))
        return self.clients[-1]

    async def image(self, reference: str, *ports: int) -> None:
        self.memory.add_image(reference, ports=ports)
        self.memory.let_execute(reference, as_busybox)

    async def crash(self, name: str) -> None:
        self.memory.kill(name)

    async def say(self, name: str) -> None:
        self.memory.say(name, b"hello\n")
        self.memory.say(name, b"oops\n", stream="stderr")

    def hangs(self, name: str) -> bool:
        return self.memory.host.executing > 0

    async def take_away(self, name: str) -> None:
        self.memory.vanish(name)

    async def strange(self, name: str) -> None:
        self.memory.add_stranger(name)

    async def go_away(self) -> None:
        for client in self.clients:
            client.go_away()

    async def come_back(self) -> None:
        for client in self.clients:
            client.come_back()


class DockerGround:
    """A real Docker Engine; each test has a platform name and networks of its own."""

    engine: Driver

    def __init__(self, daemon: Dockerd, home: Path, stack: AsyncExitStack) -> None:
        self.daemon = daemon
        self.home = home
        self.stack = stack
        self.ids: dict[str, str] = {}  # of containers, by name
        self.platform = f"t{uuid.uuid4().hex[:8]}"

    async def client(self, platform: str = "") -> Driver:
        settings = DockerSettings(
            home=self.home,
            platform=self.platform + platform,
            docker_host=self.daemon.host,
            subnet=free_subnet(),
        )
        return await self.stack.enter_async_context(open_driver(settings))

    async def image(self, reference: str, *ports: int) -> None:
        self.daemon.import_image(reference, expose=ports, cmd=("sh", "-c", SAYING))

    async def crash(self, name: str) -> None:
        self.daemon.kill_process(name)

    async def say(self, name: str) -> None:
        """It does by itself."""

    def hangs(self, name: str) -> bool:
        if name not in self.ids:
            self.ids[name] = self.daemon.inspect(name)["Id"]  # later the engine may be away
        return len(processes_in(self.ids[name])) > 1

    async def take_away(self, name: str) -> None:
        self.daemon.ask("DELETE", f"/containers/{name}", force="1")

    async def strange(self, name: str) -> None:
        body = {
            "Image": "busybox",
            "Labels": {"io.deis.platform": self.platform},
            "HostConfig": {"NetworkMode": "none"},
        }
        self.daemon.ask("POST", "/containers/create", name=name, body=body)

    async def go_away(self) -> None:
        self.daemon.kill9()

    async def come_back(self) -> None:
        self.daemon.start()


def processes_in(container: str) -> list[int]:
    """What runs in a container, as the host has it; what is dead and not reaped does not."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and container in (entry / "cgroup").read_text():
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                found += [int(entry.name)] if state not in {"Z", "X"} else []
        except OSError:  # it ended
            continue
    return found


def as_busybox(command: tuple[str, ...]) -> Outcome:
    """How the commands of these tests go in busybox."""
    match command:
        case ("true",):
            return Outcome()
        case _ if command == HANGING:
            return Outcome(seconds=math.inf)
        case _ if command == CHATTY:
            return Outcome(output="y\n" * 50000 + "a\N{REPLACEMENT CHARACTER}b, the end\n")
        case ("sh", "-c", "echo out; echo err >&2; exit 3"):
            return Outcome(3, "out\nerr\n")
        case ("sh", "-c", text) if text.startswith("exit "):
            return Outcome(int(text.removeprefix("exit ")))
    return Outcome(refused=f'exec: "{command[0]}": executable file not found in $PATH')


@pytest.fixture(scope="module")
def contract_dockerd() -> Iterator[Dockerd]:
    """A Docker Engine of this module's own: some tests kill it."""
    with Dockerd.running() as daemon:
        yield daemon


@pytest.fixture(params=available())
async def ground(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ground]:
    """The driver under test and its host, with the image `busybox`; a driver without a ground is an error."""
    async with AsyncExitStack() as stack:
        match request.param:
            case "memory":
                memory = MemoryGround()
                await memory.image("busybox")
                yield memory
            case "docker":
                docker = DockerGround(request.getfixturevalue("contract_dockerd"), tmp_path, stack)
                docker.engine = await docker.client()
                yield docker
            case unknown:
                raise LookupError(f"no ground for the engine driver {unknown}: describe one here")


@pytest.fixture
def engine(ground: Ground) -> Driver:
    """The driver under test."""
    return ground.engine
