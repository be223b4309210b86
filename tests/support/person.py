"""People at their machines: each with a home and a directory of their own, and the `deis` command."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from libs.client.command import run
from libs.client.invocation import Invocation
from libs.client.profile import Profiles, profile_path
from libs.client.prompts import Prompts
from libs.client.screen import Screen
from tests.support import terminal
from tests.support.terminal import Terminal

COMMAND = str(Path(sys.executable).with_name("deis"))
SECONDS = 180.0  # a deploy on a small machine under load


@dataclass(frozen=True)
class Told:
    """What a run of the command printed into pipes, and its exit status."""

    out: str
    err: str = ""
    status: int = 0


@dataclass(frozen=True)
class Answer:
    """What is typed once a question was asked."""

    question: str
    typed: str


@dataclass
class Person:
    """Runs `deis` in a directory, with a home that has nothing but what was put there."""

    home: Path
    directory: Path
    path: str
    environment: dict[str, str] = field(default_factory=dict)

    def whole_environment(self) -> dict[str, str]:
        quiet = {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": str(self.home.parent),
            "BROWSER": "echo opened %s",
        }
        return {"PATH": self.path, "HOME": str(self.home), "LANG": "C.UTF-8", **quiet, **self.environment}

    async def __call__(self, *words: str, typed: str = "", **environment: str) -> Told:
        """Run it between pipes."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            COMMAND,
            *words,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            cwd=self.directory,
            env={**self.whole_environment(), **environment},
        )
        try:
            async with asyncio.timeout(SECONDS):
                out, err = await process.communicate(typed.encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Told(out.decode(), err.decode(), process.returncode or 0)

    async def in_this_process(self, *words: str) -> Told:
        """Run it in a thread: it saves the half second that a process takes to begin."""
        environment = self.whole_environment()
        out, err = io.StringIO(), io.StringIO()
        screen, profiles = Screen(out, err, environment), Profiles(profile_path(environment))
        call = Invocation(screen, Prompts(io.StringIO(), out), profiles, self.directory, environment)
        async with asyncio.timeout(SECONDS):
            status = await asyncio.to_thread(run, words, call)
        return Told(out.getvalue(), err.getvalue(), status)

    async def done(self, *words: str, typed: str = "") -> str:
        """Its standard output, where it does what it should and complains of nothing."""
        told = await self(*words, typed=typed)
        assert (told.err, told.status) == ("", 0), told
        return told.out

    async def failed(self, *words: str, typed: str = "", **environment: str) -> str:
        """Its standard error, where it ends with 1."""
        told = await self(*words, typed=typed, **environment)
        assert told.status == 1, told
        return told.err

    async def listing(self, *words: str) -> Any:
        """A listing, read."""
        return json.loads(await self.done(*words, "--json"))

    async def start(self, *words: str) -> Terminal:
        """Start it on a terminal."""
        return await terminal.start(
            (COMMAND, *words), directory=self.directory, environment=self.whole_environment(), seconds=SECONDS
        )

    async def shown(self, *words: str, answers: tuple[Answer, ...] = ()) -> Told:
        """Run it on a terminal, and answer what it asks: all that was shown, as it came."""
        running = await self.start(*words)
        seen = 0
        for answer in answers:
            await running.asked(answer.question, after=seen, secret="password" in answer.question)
            seen = len(running.shown)
            running.type(f"{answer.typed}\n")
        status = await running.end()
        return Told(running.shown, status=status)


def person(root: Path, name: str, environment: Mapping[str, str], *, stands_in: str = "") -> Person:
    """A person whose directory is called as told, else as the person."""
    home, directory = root / name / "home", root / name / (stands_in or name)
    home.mkdir(parents=True)
    directory.mkdir()
    return Person(home, directory, environment["PATH"])
