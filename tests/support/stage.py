"""The stage of a transcript: its people at their machines, on a whole platform, and everything put back afterwards."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.certificates import make_certificate
from tests.support.person import Person, Told, person
from tests.support.platform import Platform
from tests.support.ssh import make_public_key
from tests.support.transcript import Step, filled
from tests.support.waiting import eventually

ADMINISTRATOR = "ada"
PASSWORD = "correct horse"

Run = Callable[[Step], Awaitable[str]]


@dataclass(frozen=True)
class Stage:
    """People by name, and `names` for what is another each time."""

    people: Mapping[str, Person]
    names: Mapping[str, str]

    async def between_pipes(self, step: Step) -> Told:
        """What a step tells into pipes; what it asks is answered by lines."""
        typed = "".join(f"{answer.typed}\n" for answer in step.answers)
        return await self.people[step.who](*self._words(step), typed=typed)

    async def in_this_process(self, step: Step) -> Told:
        """The same, in a thread of this process."""
        return await self.people[step.who].in_this_process(*self._words(step))

    async def on_a_terminal(self, step: Step) -> Told:
        """What a step shows on a terminal."""
        return await self.people[step.who].shown(*self._words(step), answers=step.answers)

    def _words(self, step: Step) -> list[str]:
        return [filled(word, self.names) for word in step.words]


async def played(steps: Iterable[Step], run: Run, heard: Callable[[Step, str], None]) -> None:
    """Let the steps follow each other; what each printed is heard, of one beside the next behind that."""
    following = iter(steps)
    for step in following:
        if step.sign != "&":
            heard(step, await as_written(run, step))
            continue
        second = next(following)
        async with asyncio.TaskGroup() as group:
            beside = group.create_task(as_written(run, step))
            heard(second, await as_written(run, second))
        heard(step, beside.result())


async def as_written(run: Run, step: Step) -> str:
    """What a step prints; of one that is typed until that is as written, the last."""
    if step.sign != "~":
        return await run(step)
    last = ""

    async def look() -> bool:
        nonlocal last
        last = await run(step)
        return last == step.printed

    try:
        await eventually(look, within=90)
    except AssertionError:
        return last
    return last


@asynccontextmanager
async def stage(platform: Platform, root: Path, *, owner: str, collaborator: str, app: str) -> AsyncIterator[Stage]:
    """An owner who stands in a repository, a collaborator who stands in a folder named as the app, an administrator."""
    url = f"http://deis.localhost:{platform.settings.router_http_port}"
    people = {
        owner: person(root, owner, platform.environment),
        collaborator: person(root, collaborator, platform.environment, stands_in=app),
        ADMINISTRATOR: person(root, ADMINISTRATOR, platform.environment),
    }
    furnish(people[owner], f"{owner}@laptop", f"www.{app}.example.com")
    (people[collaborator].directory / "more.env").write_text("A=1\nB=two words\n")
    port = str(platform.settings.router_http_port)
    try:
        yield Stage(people, {url: "<url>", f":{port}": ":<port>", str(root): "<root>"})
    finally:
        await tidy(platform, url, (owner, collaborator), app)


def furnish(owner: Person, comment: str, domain: str) -> None:
    """A repository, and in it a certificate with its key; an SSH key where keys are."""
    subprocess.run(["git", "init", "--quiet"], cwd=owner.directory, check=True, timeout=60)
    made = make_certificate(domain)
    (owner.directory / "www.crt").write_text(made.pem)
    (owner.directory / "www.key").write_text(made.key)
    (owner.home / ".ssh").mkdir()
    (owner.home / ".ssh" / "id_ed25519.pub").write_text(f"{make_public_key(comment)}\n")


async def tidy(platform: Platform, url: str, users: Iterable[str], app: str) -> None:
    """The administrator's own login of the platform, and nothing that a session left where it failed."""
    await platform.deis("login", url, "--username", ADMINISTRATOR, "--password", PASSWORD)
    await platform.api("POST", "/v1/admin/settings", {"settings": {"registration_mode": None}})
    await platform.api("DELETE", f"/v1/apps/{app}")
    for user in users:
        await platform.api("DELETE", "/v1/auth/cancel/", {"username": user})
