"""A whole platform of its own, as `make up` starts it: its own home, ports and Docker Engine."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from deploy.local.settings import LocalSettings
from deploy.local.supervisor import Supervisor
from libs.client.profile import parse_profile, profile_path
from tests.support.crowd.party import Party
from tests.support.crowd.seen import Users, crowd
from tests.support.dockerd import own_bridge, unmount_below
from tests.support.ports import free_port
from tests.support.records import Records, records
from tests.support.steady import CHANGES, steady_tar
from tests.support.traffic import Traffic
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
UP_LIMIT = 180.0  # seconds; a small machine under load


class CommandFailed(AssertionError):
    """A command ended with another status than 0; the message has its words."""


class Platform:
    """A running local stack, driven as its user and its operator would."""

    def __init__(self, settings: LocalSettings, environment: Mapping[str, str]) -> None:
        self.settings = settings
        self.environment = dict(environment)
        self.supervisor = Supervisor(settings)

    async def run(
        self, *command: str, check: bool = True, timeout: float = 120.0, cwd: Path = ROOT, told: bytes | None = None
    ) -> str:
        """Run a command in the platform's environment, with these bytes as its standard input; its standard output."""
        process = await asyncio.create_subprocess_exec(
            *command,
            env=self.environment,
            cwd=cwd,
            stdin=asyncio.subprocess.DEVNULL if told is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(timeout):
                out, err = await process.communicate(told)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if check and process.returncode != 0:
            raise CommandFailed(f"{' '.join(command)} ended with {process.returncode}:\n{out.decode()}{err.decode()}")
        return out.decode() + ("" if check else err.decode())

    async def local(self, action: str) -> str:
        """`python -m deploy.local ACTION`, as make does."""
        return await self.run(sys.executable, "-m", "deploy.local", action, timeout=UP_LIMIT)

    async def deis(self, *arguments: str, check: bool = True) -> str:
        """The `deis` command, with this platform's own profile; not in a checkout's folder."""
        command = str(Path(sys.executable).with_name("deis"))
        return await self.run(command, *arguments, check=check, cwd=self.settings.home)

    async def listing(self, *arguments: str) -> Any:
        """A listing of the `deis` command as JSON."""
        return json.loads(await self.deis(*arguments, "--json"))

    async def listing_of_states(self, app: str) -> list[str]:
        """The states of an app's processes, once none of them is on its way up."""

        async def settled() -> list[str] | None:
            states = [str(one["state"]) for one in await self.listing("ps", "-a", app)]
            return states if set(states) <= {"up", "crashed"} else None

        return await eventually(settled, within=60, what=f"the processes of {app} settled")

    async def docker(self, *arguments: str, check: bool = True) -> str:
        """The docker command on this platform's engine."""
        return await self.run("docker", "--host", self.settings.docker_host, *arguments, check=check)

    async def containers(self, app: str) -> list[str]:
        """The names of an app's running containers."""
        listed = await self.docker("ps", "--filter", f"label=io.deis.app={app}", "--format", "{{.Names}}")
        return sorted(listed.split())

    async def containers_at_rest(self, app: str) -> list[str]:
        """The same once nothing of the app is on its way out any more: a deploy is done before the old ones ended."""

        async def look() -> list[str] | None:
            shown = await self.listing("ps", "-a", app)
            names = await self.containers(app)
            return names if len(names) == len(shown) else None

        return await eventually(look, within=60, what=f"nothing of {app} is on its way out")

    async def build(self, reference: str, example: str = "hello") -> str:
        """Build an example image under this reference; returns it."""
        with tempfile.TemporaryDirectory() as scratch:
            context = shutil.copytree(ROOT / "deploy" / "examples" / example, Path(scratch) / example)
            shutil.copy2("/bin/busybox", context / "busybox")
            version = reference.rpartition(":")[2]
            await self.docker("build", "--quiet", "--build-arg", f"VERSION={version}", "--tag", reference, str(context))
        return reference

    async def steady(self, reference: str, greeting: str = "") -> str:
        """Make an image of the app `steady` under this reference; returns it."""
        changes = [f"--change={change}" for change in (*CHANGES, f"ENV GREETING={greeting or reference}")]
        tar = await asyncio.to_thread(steady_tar)
        await self.run("docker", "--host", self.settings.docker_host, "import", *changes, "-", reference, told=tar)
        return reference

    async def api(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """A request to the API as the user of the profile: status and JSON, None where there is none."""
        path_of = profile_path(self.environment)
        profile = parse_profile(path_of.read_text(), path_of)
        headers = {"Authorization": f"token {profile.token}", "Host": f"deis.{self.settings.domain}"}
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{self.settings.router_http_port}", headers=headers) as session,
            session.request(method, path, json=body) as answer,
        ):
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    def users(self, *parties: Party) -> AbstractAsyncContextManager[dict[str, Users]]:
        """Users of apps, by app, for as long as the body runs."""
        return crowd(self.settings.router_http_port, *parties)

    def records(self) -> AbstractAsyncContextManager[Records]:
        """The platform's records for as long as the body runs."""
        return records(self.settings.etcd_port)

    async def get(self, app: str, path: str = "/") -> tuple[int, str]:
        """One request to an app through the router: status and body."""
        timeout = aiohttp.ClientTimeout(total=30)
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{self.settings.router_http_port}", timeout=timeout) as session,
            session.get(path, headers={"Host": self.host(app)}) as answer,
        ):
            return answer.status, await answer.text()

    def host(self, app: str) -> str:
        """The name at which an app answers."""
        return f"{app}.{self.settings.domain}"

    def traffic(self, app: str) -> Traffic:
        """Requests to an app, ready to flow."""
        return Traffic(self.settings.router_http_port, self.host(app))

    def pid(self, program: str) -> int:
        """The process of a supervised program; 0 when it does not run."""
        return next(int(one["pid"]) for one in self.supervisor.programs() if one["name"] == program)

    async def kill(self, *programs: str) -> None:
        """`kill -9` at once, and wait until the supervisor has new processes for all of them."""
        pids = {program: self.pid(program) for program in programs}
        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)

        def restarted() -> bool:
            running = {one["name"]: one for one in self.supervisor.programs()}
            return all(
                running[program]["statename"] == "RUNNING" and running[program]["pid"] != pid
                for program, pid in pids.items()
            )

        await eventually(restarted, within=60, what=f"{', '.join(programs)} restarted")

    async def ready(self) -> None:
        """Wait until every daemon says that it is ready."""
        for program, port in self.settings.admin_ports.items():
            await eventually(partial(self._ready, port), within=60, what=f"readiness of {program}")

    async def _ready(self, port: int) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def admin(self, program: str, path: str) -> str:
        """A page of a process's admin port."""
        port = self.settings.admin_ports[program]
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
            return await answer.text()


@asynccontextmanager
async def platform(directory: Path, *, extra: Mapping[str, str] | None = None) -> AsyncIterator[Platform]:
    """Start a platform in a directory of its own, and remove every trace of it afterwards."""
    ports = [name for name in LocalSettings.model_fields if name.endswith("_port")]
    namespace = directory.name.replace("_", "")  # containerd takes no underscore at its end, nor two in a row
    with own_bridge() as bridge:
        home = directory / "deis"
        environment = {
            **os.environ,
            **{f"DEIS_{name.upper()}": str(free_port()) for name in ports},
            "HOME": str(directory / "user"),
            "DEIS_HOME": str(home),
            "DEIS_LAYOUT": "separate",
            "DEIS_PLATFORM": f"test-{os.getpid()}",
            "DEIS_DOCKER_HOST": f"unix://{directory}/docker.sock",
            "DEIS_DOCKER_DATA_ROOT": f"{directory}/docker",
            "DEIS_DOCKER_EXEC_ROOT": f"{directory}/docker-exec",
            "DEIS_DOCKER_OPTIONS": (
                f"--bridge={bridge} --iptables=false "
                f"--containerd-namespace {namespace} --containerd-plugins-namespace {namespace}-plugins"
            ),
            "DEIS_PRESENCE_SECONDS": "4",
            "DEIS_DEPLOYER_RUN_SLACK": "1",
            "DEIS_LOG_AGENT_HOLD_SECONDS": "2",
            "DEIS_LOGGER_DRAIN_INWARD": "true",
            **(extra or {}),
        }
        (directory / "user").mkdir(parents=True)
        names = {f"DEIS_{name.upper()}" for name in LocalSettings.model_fields}
        settings = LocalSettings.model_validate(
            {key.removeprefix("DEIS_").lower(): value for key, value in environment.items() if key in names}
        )
        one = Platform(settings, environment)
        try:
            await one.local("up")
            yield one
        finally:
            try:
                await one.local("reset")
            finally:
                unmount_below(directory)


def processes_under(directory: Path) -> Sequence[str]:
    """Command lines that name a directory: what a platform left behind."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if str(directory) in line and "ps -eo" not in line]
