"""One app of a platform, as its owner drives it and as the platform's records have it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import aiohttp

from libs.keyspace.records import Instance, Rollout
from tests.support.crowd.party import Party, Report
from tests.support.crowd.seen import Users
from tests.support.platform import Platform
from tests.support.records import Records
from tests.support.steady import PORT
from tests.support.waiting import eventually

IMAGE = "example-steady"
LATE = 0.05  # seconds: a close that a client saw so much before the deadline on the same clock was not in time


class Tenant:
    """An app. `deis` and `api` are its owner's ways, `instances` and `rollout` what is recorded."""

    def __init__(self, platform: Platform, records: Records, name: str) -> None:
        self.platform = platform
        self.records = records
        self.name = name

    async def deis(self, command: str, *arguments: str, check: bool = True) -> str:
        """A command on this app."""
        return await self.platform.deis(command, *arguments, "-a", self.name, check=check)

    async def api(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """A request about this app."""
        return await self.platform.api(method, f"/v1/apps/{self.name}{path}", body)

    async def settings(self, **fields: object) -> None:
        """Set what is no config."""
        await self.deis("settings:set", *(f"{name.replace('_', '-')}={value}" for name, value in fields.items()))

    async def healthcheck(self, **types: object) -> None:
        """Set the probes of process types, in Kubernetes' words."""
        status, answer = await self.api("POST", "/healthchecks", {"healthcheck": types})
        assert status == 201, answer

    def party(self, **fields: Any) -> Party:
        """Users of it."""
        return Party(self.name, self.platform.host(self.name), **fields)

    @property
    def instances(self) -> list[Instance]:
        """Its instances that are there and not on their way out, by name."""
        return [one for one in self.records.of_app(self.name) if one.id not in self.records.retired]

    @property
    def rollout(self) -> Rollout:
        """The rollout of its wanted release."""
        found = self.records.rollout(self.name)
        assert found is not None, f"{self.name} has no rollout"
        return found

    async def tell(self, instance: Instance, path: str) -> int:
        """A request straight to an instance, past the router: the status."""
        timeout = aiohttp.ClientTimeout(total=10)
        url = f"http://{instance.address}:{instance.port or PORT}{path}"
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            return answer.status

    async def kill(self, instance: Instance) -> None:
        """`kill -9` its process: the engine starts it again in place."""
        pid = await self.platform.docker("inspect", "--format", "{{.State.Pid}}", instance.name)
        os.kill(int(pid), signal.SIGKILL)

    async def rolling(self, release: int) -> None:
        """Return once instances of this release are on their way up."""

        def begun() -> bool:
            return any(one.release == release for one in self.instances)

        await eventually(begun, within=60, what=f"v{release} of {self.name} begun")

    async def out(self, release: int) -> Rollout:
        """The rollout of this release, once it is done."""

        def done() -> Rollout | None:
            rollout = self.records.rollout(self.name)
            return rollout if rollout and (rollout.release, rollout.phase) == (release, "done") else None

        return await eventually(done, within=90, what=f"v{release} of {self.name} out")

    async def up(self, count: int, *, of: Callable[[Instance], bool] = lambda _: True) -> list[Instance]:
        """Its instances, once so many are published and ready, and no other is there but those on their way out."""

        def there() -> list[Instance] | None:
            ready = {id_ for (app, id_), one in self.records.services.items() if app == self.name and one.ready}
            found = [one for one in self.instances if of(one)]
            return found if len(found) == count and {one.id for one in found} <= ready else None

        return await eventually(there, within=60, what=f"{count} ready instances of {self.name}")

    def cut_short(self, users: Users, *, dead: frozenset[str] = frozenset()) -> list[str]:
        """The WebSockets that the platform closed before their time; those of `dead` instances had none."""
        return [words for closing in users.closings if (words := self._cut_short(closing, dead))]

    def _cut_short(self, closing: Report, dead: frozenset[str]) -> str:
        id_ = self.records.by_address.get(closing.where, "")
        if id_ in dead:
            return ""
        words = f"{closing.release} at {closing.where} ({id_ or 'unknown'}), {closing.what} {closing.code}"
        deadline = self.records.websocket_deadline(self.name, id_)
        if deadline is None:
            return f"{words}: it was never retired"
        early = deadline.timestamp() - closing.at
        return f"{words}: {early:.2f} s before its deadline" if early > LATE else ""


def unharmed(tenant: Tenant, users: Users, *, dead: frozenset[str] = frozenset()) -> None:
    """Assert that no request failed and no WebSocket was closed before its time; those of `dead` instances were."""
    assert users.failures == []
    assert users.answered > 0
    assert tenant.cut_short(users, dead=dead) == []
