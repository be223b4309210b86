"""A platform around a deployer: intent is written as the controller's API writes it, agents answer, facts are read."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from libs.daemon import supervise
from libs.engine import Engine, Instance
from libs.engine.drivers.memory import MemoryEngine
from libs.keyspace import Keyspace
from libs.keyspace import records as r
from libs.keyspace.document import now
from libs.store import Store
from libs.store.drivers.memory import MemoryStore
from libs.store.election import Election
from libs.store.shelf import Shelf
from services.controller.deployer import Deployer, DeployerSettings
from tests.support.deployer.agents import Agents
from tests.support.waiting import eventually

NODE = "node-1"


def settings(**changes: Any) -> DeployerSettings:
    """Short times, so that a test waits for facts alone."""
    return DeployerSettings(
        **{
            "node": NODE,
            "deployer_observe_every": 0.5,
            "deployer_look_every": 1.0,
            "deployer_retry": 0.1,
            "deployer_keep_stopped": 1.0,
            "deployer_run_slack": 0.2,
            "deployer_surge": 1.0,
            **changes,
        }
    )


class Platform:
    """What a test says and sees. The deployer has lines of its own to the store and the engine."""

    def __init__(self, store: Store, engine: Engine, own_store: Store, own_engine: Engine, /, **changes: Any) -> None:
        self.store, self.engine = store, engine
        self.own_store, self.own_engine = own_store, own_engine
        self.settings = settings(**changes)
        self.keys = Keyspace(self.settings.store_prefix)
        self.agents = Agents(store, self.keys, engine, self.settings.node)
        self.apps = Shelf(store, self.keys.apps)
        self.rollouts = Shelf(store, self.keys.rollouts)
        self.deployer: Deployer | None = None
        self.sealed: dict[str, dict[str, str]] = {}

    def unseal(self, app_uuid: str, sealed: str) -> dict[str, str]:
        return self.sealed.get(sealed, {})

    @asynccontextmanager
    async def deploying(self) -> AsyncIterator[Deployer]:
        """A deployer that campaigns and, once elected, rolls."""
        leader = r.Leader(id=uuid.uuid4().hex, node=NODE, since=now())
        election = Election(self.own_store, self.keys.leaders, "deployer", me=leader, ttl=5.0)
        deployer = Deployer(
            store=self.own_store,
            keyspace=self.keys,
            engine=self.own_engine,
            unseal=self.unseal,
            election=election,
            settings=self.settings,
        )
        async with supervise(campaign=election.run(), deployer=deployer.run()):
            self.deployer = deployer
            yield deployer

    async def create(self, name: str = "shop") -> r.App:
        moment = now()
        app = r.App(id=name, uuid=str(uuid.uuid4()), owner="ann", created=moment, updated=moment)
        await self.release(app, 1, None)
        await self.apps.create(app, name)
        return app

    async def release(
        self, app: r.App, number: int, build: str | None, values: dict[str, str] | None = None, **config: Any
    ) -> None:
        """Write a release's record, as the API does before it flips the app."""
        moment = now()
        sealed = f"{app.uuid}/{number}"
        self.sealed[sealed] = values or {}
        made = r.Config(uuid=str(uuid.uuid4()), owner="ann", values=sealed, created=moment, **config)
        record = r.Release(
            uuid=str(uuid.uuid4()),
            app=app.id,
            owner="ann",
            number=number,
            summary="",
            build=build,
            config=made,
            created=moment,
        )
        await Shelf(self.store, self.keys.releases).create(record, app.uuid, str(number))

    async def deploy(
        self,
        app: r.App,
        image: str,
        *,
        procfile: dict[str, str] | None = None,
        formation: dict[str, int] | None = None,
        values: dict[str, str] | None = None,
        **config: Any,
    ) -> int:
        """A build, a release of it, and the flip; returns the app's revision."""
        build = r.Build(
            uuid=str(uuid.uuid4()), app=app.id, owner="ann", image=image, procfile=procfile or {}, created=now()
        )
        await Shelf(self.store, self.keys.builds).create(build, app.uuid, build.uuid)
        stored = await self.apps.get(app.id)
        assert stored is not None
        number = stored.document.latest + 1
        await self.release(app, number, build.uuid, values, **config)
        changes: dict[str, Any] = {"release": number, "latest": number}
        if formation is not None:
            changes["formation"] = formation
        return await self.change(app, **changes)

    async def change(self, app: r.App, **fields: Any) -> int:
        """Change the app's record; returns its revision."""
        stored = await self.apps.update(lambda document: document.changed(**fields, updated=now()), app.id)
        assert stored is not None
        return stored.revision

    async def app(self, app: r.App) -> r.App:
        stored = await self.apps.get(app.id)
        assert stored is not None
        return stored.document

    async def rollout(self, app: r.App, number: int) -> r.Rollout | None:
        stored = await self.rollouts.get(app.uuid, str(number))
        return stored.document if stored else None

    async def settled(self, app: r.App, number: int, revision: int) -> r.Rollout:
        """The rollout once it has settled for an intent, as a client of the API waits for it."""

        async def look() -> r.Rollout | None:
            found = await self.rollout(app, number)
            return found if found and found.intent >= revision and found.settled else None

        found = await eventually(look, what=f"rollout v{number} at {revision}")
        assert found is not None
        return found

    async def run(self, app: r.App, image: str = "shop", **deploy: Any) -> r.Rollout:
        """Deploy and see it done."""
        revision = await self.deploy(app, image, **deploy)
        number = (await self.app(app)).release
        rollout = await self.settled(app, number, revision)
        assert rollout.phase == "done", rollout
        return rollout

    async def there(self) -> list[Instance]:
        return sorted((await self.engine.instances()).instances, key=lambda instance: instance.name)

    async def up(self, app: r.App | None = None) -> list[str]:
        """What runs, as `v2 web.1`."""
        return sorted(
            f"v{i.identity.release} {i.identity.type}.{i.identity.number}"
            for i in await self.there()
            if i.state in {"running", "restarting"} and (app is None or i.identity.app_uuid == app.uuid)
        )

    async def only(self, *titles: str, app: r.App | None = None) -> None:
        """Wait until these run and nothing else is left, stopped or not."""

        async def look() -> bool:
            there = [i for i in await self.there() if app is None or i.identity.app_uuid == app.uuid]
            assert await self.up(app) == sorted(titles)
            assert len(there) == len(titles)
            return True

        await eventually(look, what=f"only {titles}")

    async def events(self, app: r.App) -> list[str]:
        return [stored.document.kind for stored in await Shelf(self.store, self.keys.events).list(app.uuid)]

    async def messages(self, app: r.App) -> list[str]:
        return [stored.document.message for stored in await Shelf(self.store, self.keys.events).list(app.uuid)]

    async def retiring(self) -> list[str]:
        return [stored.parts[2] for stored in await Shelf(self.store, self.keys.retiring).list()]


class MemoryPlatform(Platform):
    """All of it in memory: `line` is the deployer's own client of the store, `hands` its client of the engine."""

    def __init__(self, **changes: Any) -> None:
        store, engine = MemoryStore(), MemoryEngine()
        self.line, self.hands = store.fork(), engine.fork()
        super().__init__(store, engine, self.line, self.hands, **changes)
        self.memory, self.host = engine, engine.host
        engine.add_image("shop", ports=(8080,))

    def instance(self, pick: Callable[[Instance], bool] = lambda _: True) -> Instance:
        return next(row.instance for row in self.host.rows.values() if pick(row.instance))
