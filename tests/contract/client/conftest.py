from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from libs.client import watching
from libs.client.command import run
from libs.client.invocation import Invocation
from libs.client.profile import Profiles, profile_path
from libs.client.prompts import Prompts
from libs.client.screen import Screen
from tests.contract.client.stand_in import TOKEN, StandIn, serving

SECONDS = 60.0
COMMAND = (sys.executable, "-m", "libs.client")


@dataclass(frozen=True)
class Told:
    """What a run of the command printed, and its exit status."""

    out: str
    err: str
    status: int


@dataclass
class Deis:
    """The command, with a home and a directory of its own."""

    home: Path
    directory: Path
    controller: str
    environment: dict[str, str] = field(default_factory=dict)

    def log_in(self, **changes: Any) -> None:
        profile = {"username": "ada", "ssl_verify": True, "controller": self.controller, "token": TOKEN}
        self.profile.parent.mkdir(mode=0o700, exist_ok=True)
        self.profile.write_text(json.dumps({**profile, "response_limit": 100, **changes}))

    @property
    def profile(self) -> Path:
        return self.home / ".deis" / "client.json"

    def whole_environment(self) -> dict[str, str]:
        quiet = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CEILING_DIRECTORIES": str(self.directory.parent)}
        return {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8", **quiet, **self.environment}

    async def __call__(self, *arguments: str, typed: str = "", status: int = 0) -> Told:
        """Run it in a thread of this process."""
        environment = self.whole_environment()
        out, err = io.StringIO(), io.StringIO()
        call = Invocation(
            Screen(out, err, environment, clock=lambda: 0.0),
            Prompts(io.StringIO(typed), out),
            Profiles(profile_path(environment)),
            self.directory,
            environment,
        )
        async with asyncio.timeout(SECONDS):
            told = Told(status=await asyncio.to_thread(run, arguments, call), out=out.getvalue(), err=err.getvalue())
        assert told.status == status, told
        return told

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            *COMMAND, *arguments, stdin=pipe, stdout=pipe, stderr=pipe, cwd=self.directory, env=self.whole_environment()
        )

    async def process(self, *arguments: str, typed: str = "", status: int = 0) -> Told:
        """Run it as a process of its own."""
        process = await self.start(*arguments)
        async with asyncio.timeout(SECONDS):
            out, err = await process.communicate(typed.encode())
        told = Told(out.decode(), err.decode(), process.returncode or 0)
        assert told.status == status, told
        return told

    async def json(self, *arguments: str) -> Any:
        return json.loads((await self(*arguments, "--json")).out)


@pytest.fixture
async def stand_in() -> StandIn:
    return StandIn()


@pytest.fixture
async def controller(stand_in: StandIn) -> AsyncIterator[str]:
    async with serving(stand_in.application(), "127.0.0.1") as port:
        yield f"http://deis.localhost:{port}"


@pytest.fixture
def anonymous(tmp_path: Path, controller: str) -> Deis:
    home, directory = tmp_path / "home", tmp_path / "paper"
    home.mkdir()
    directory.mkdir()
    return Deis(home, directory, controller)


@pytest.fixture
def deis(anonymous: Deis) -> Deis:
    anonymous.log_in()
    return anonymous


@pytest.fixture
def paper(deis: Deis, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Deis:
    """Its app has a second release; who follows that pauses for no time worth waiting for."""
    monkeypatch.setattr(watching, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(watching, "LONGEST_PAUSE_SECONDS", 0.01)
    stand_in.app("paper")["releases"].append("ada deployed it")
    return deis
