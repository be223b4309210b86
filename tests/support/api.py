"""A controller's API on a free port, over any store, with a small stand-in for the deployer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from multidict import CIMultiDictProxy
from prometheus_client import CollectorRegistry
from yarl import URL

from libs.daemon import supervise
from libs.engine.drivers.memory import MemoryEngine
from libs.keyspace import Keyspace
from libs.keyspace.document import now
from libs.keyspace.records import App, Instance, Planned, Rollout
from libs.keyspace.records.rollout import Phase
from libs.store import StaleRevision, Store
from libs.store.mirror import Mirror
from libs.store.shelf import Shelf, Stored
from libs.web import listen, open_client
from services.controller.api import api
from services.controller.controller import Controller
from services.controller.deployer.slots import wanted_counts
from services.controller.serve import build
from services.controller.settings import ControllerSettings


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    reason: str
    headers: CIMultiDictProxy[str]
    text: str
    json: Any

    @property
    def line(self) -> str:
        """The status line, as a v1 client prints it."""
        return f"{self.status} {self.reason}"


class Client:
    """A user of the API."""

    def __init__(self, session: aiohttp.ClientSession, url: str, token: str = "") -> None:
        self._session = session
        self.url = url
        self.token = token

    def with_token(self, token: str) -> Client:
        """The same for another user."""
        return Client(self._session, self.url, token)

    async def __call__(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Answer:
        """One request; `body` goes as JSON, and `path` as it is."""
        own = {"Authorization": f"token {self.token}"} if self.token else {}
        if body is not None:
            more["json"] = body
        async with self._session.request(
            method,
            URL(self.url + path, encoded=True),
            headers={**own, **(headers or {})},
            allow_redirects=False,
            **more,
        ) as got:
            text = await got.text(errors="replace")
            parsed = await got.json() if text and got.content_type == "application/json" else None
            return Answer(got.status, got.reason or "", got.headers, text, parsed)

    async def joined(self, username: str) -> Client:
        """Register this user and log in."""
        account = {"username": username, "password": "opensesame", "email": f"{username}@example.org"}
        registered = await self.with_token("")("POST", "/v1/auth/register/", account)
        assert registered.status == 201, registered
        answer = await self.with_token("")("POST", "/v1/auth/login/", account)
        assert answer.status == 200, answer
        return self.with_token(answer.json["token"])


@dataclass
class StandIn:
    """Settles what the API asks for, as the deployer would, without an engine: instances are records only.

    `failing` images fail with their reason, those of `slow` stay on their way; while `holding`, nothing is settled.
    """

    store: Store
    keyspace: Keyspace
    failing: dict[str, str] = field(default_factory=dict)
    slow: set[str] = field(default_factory=set)
    holding: bool = False

    def __post_init__(self) -> None:
        self._woken = asyncio.Event()
        self.apps = Mirror(self.store, self.keyspace.apps)
        self.apps.on_change(lambda _: self.look())
        self._shelf = Shelf(self.store, self.keyspace.apps)
        self._rollouts = Shelf(self.store, self.keyspace.rollouts)
        self._instances = Shelf(self.store, self.keyspace.instances)
        self._releases = Shelf(self.store, self.keyspace.releases)
        self._builds = Shelf(self.store, self.keyspace.builds)

    def look(self) -> None:
        """Look again."""
        self._woken.set()

    async def run(self) -> None:
        """Settle, for ever."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            if not self.holding:
                for parts in [parts for parts, _ in self.apps.items()]:
                    if stored := self.apps.stored(*parts):
                        await self._settle(stored)

    async def _settle(self, stored: Stored[App]) -> None:
        app = stored.document
        if app.state == "destroying":
            for instance in await self._instances.list("n1", app.id):
                await self._instances.delete(*instance.parts)
            await self._shelf.delete(app.id)
            return
        await self._settle_others(app)
        known = await self._rollouts.get(app.uuid, app.release)
        if known is not None and known.document.intent >= stored.revision:
            return
        release = await self._releases.get(app.uuid, app.release)
        assert release is not None
        reason, wanted = None, {}
        if release.document.build is not None:
            build = await self._builds.get(app.uuid, release.document.build)
            assert build is not None
            reason, wanted = self.failing.get(build.document.image), wanted_counts(app.formation, build.document)
            if build.document.image in self.slow:
                await self._write(app, stored.revision, phase="starting", waiting="cmd.1 to pass its check")
                return
        elif await self._instances.list("n1", app.id):
            reason = f"v{app.release} has no build: there is nothing to run"
        elif not await self._rollouts.list(app.uuid):
            return
        planned = await self._fill(app, wanted) if reason is None else ()
        phase: Phase = "failed" if reason else "done"
        lines = ("Traceback: boom",) if reason else ()
        await self._write(app, stored.revision, phase=phase, planned=planned, reason=reason or "", last_lines=lines)
        if reason and app.release > 1:
            with suppress(StaleRevision):
                await self._shelf.put(app.changed(release=app.release - 1), app.id, expect=stored.revision)

    async def _write(self, app: App, intent: int, *, phase: Phase, **fields: Any) -> None:
        running = {one.document.release for one in await self._instances.list("n1", app.id)}
        base = Rollout(app=app.id, app_uuid=app.uuid, release=app.release, intent=intent, epoch=1, since=now())
        fallback = max((number for number in running if number < app.release), default=None)
        rollout = base.changed(phase=phase, fallback=fallback, **fields)
        await self._rollouts.put(rollout, app.uuid, app.release)

    async def _settle_others(self, app: App) -> None:
        """What was on its way and is not wanted any more was cancelled or superseded."""
        for filed in await self._rollouts.list(app.uuid):
            other = filed.document
            if other.release != app.release and not other.settled:
                word = app.cancelled if app.cancelled and app.cancelled.release == other.release else None
                end = {"phase": "cancelled", "reason": f"cancelled by {word.by}"} if word else {"phase": "superseded"}
                await self._rollouts.put(other.changed(**end), *filed.parts)

    async def _fill(self, app: App, wanted: Mapping[str, int]) -> tuple[Planned, ...]:
        planned = []
        for old in await self._instances.list("n1", app.id):
            await self._instances.delete(*old.parts)
        for type_, count in wanted.items():
            for number in range(1, count + 1):
                id_ = f"{app.release}-{app.generation(type_, number)}-{type_}-{number}"
                name = f"{app.id}_v{app.release}.{type_}.{number}-{id_}"
                planned.append(Planned(id=id_, name=name, type=type_, number=number, planned=now(), established=True))
                instance = Instance(
                    id=id_,
                    name=name,
                    node="n1",
                    app=app.id,
                    app_uuid=app.uuid,
                    type=type_,
                    number=number,
                    release=app.release,
                    generation=app.generation(type_, number),
                    state="running",
                    started=now(),
                )
                await self._instances.put(instance, "n1", app.id, id_)
        return tuple(planned)


@dataclass(frozen=True)
class Api:
    """The running API, somebody who asks it, and who settles."""

    controller: Controller
    client: Client
    deployer: StandIn
    store: Store
    engine: MemoryEngine


@asynccontextmanager
async def running_api(store: Store, home: Path, *, prefix: str = "/deis", **settings: Any) -> AsyncIterator[Api]:
    """The API over a store while the body runs."""
    chosen = ControllerSettings(
        home=home, store_prefix=prefix, domain="example.net", **{"controller_wait_seconds": 30, **settings}
    )
    async with (
        open_client(timeout=5) as outgoing,
        open_client(timeout=60, connections=200) as incoming,
    ):
        engine = MemoryEngine()
        controller = build(chosen, store, engine, outgoing)
        deployer = StandIn(store, controller.keyspace)
        app = api(controller, CollectorRegistry())
        async with (
            supervise(
                deployer=deployer.run(),
                apps=deployer.apps.run(),
                one_off_runs=controller.running.keep(),
                **controller.picture.tasks(),
            ),
            listen(app, "127.0.0.1", 0) as port,
        ):
            async with asyncio.timeout(30):
                for awaited in controller.picture._all().values():
                    await awaited.mirror.wait_complete()
                await controller.custody.look()
            yield Api(controller, Client(incoming, f"http://127.0.0.1:{port}"), deployer, store, engine)
            controller.settling.stop()
