"""`/v1/apps`: creating apps, seeing them, giving them away, destroying them."""

from __future__ import annotations

import uuid
from functools import partial

from aiohttp import web

from libs.keyspace.document import now
from libs.keyspace.records import App, Config, Release
from libs.store import StaleRevision
from libs.store.shelf import Shelf
from libs.web import as_json
from services.controller import audit, course, shapes
from services.controller.access import may_own, may_see
from services.controller.controller import Call, Controller, Resource, Route
from services.controller.errors import BadFields, Forbidden, NotFound
from services.controller.fields import UNIQUE, Fields
from services.controller.formation import read_structure
from services.controller.hostnames import fqdn
from services.controller.names import random_app_id, read_app_id
from services.controller.pages import paginated
from services.controller.responding import Change, respond
from services.controller.summary import initial

TRIES = 10  # random names


class AppsResource(Resource):
    """Apps."""

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._apps = Shelf(controller.store, controller.keyspace.apps)
        self._releases = Shelf(controller.store, controller.keyspace.releases)

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route("GET", "/v1/apps", self.list),
            Route("POST", "/v1/apps", self.create),
            Route("GET", "/v1/apps/{id}", self.show),
            Route("POST", "/v1/apps/{id}", self.give),
            Route("DELETE", "/v1/apps/{id}", self.destroy, followed=True),
        ]

    async def list(self, call: Call) -> web.Response:
        """One's own apps and those that one shares."""
        seen = [app for _, app in self._c.picture.apps.mirror.items() if may_see(call.user, app)]
        return as_json(paginated(call.request.url, seen, self._shape))

    async def show(self, call: Call) -> web.Response:
        """One app."""
        return as_json(self._shape(self._c.app(call)))

    async def create(self, call: Call) -> web.Response:
        """A new app with an empty first release; without an id it gets a random one."""
        fields = Fields(await call.body())
        app_id = read_app_id(fields)
        structure = read_structure(fields, most=self._c.settings.controller_most_instances)
        fields.check()
        tries = [app_id] if app_id else [random_app_id() for _ in range(TRIES)]
        for name in tries:
            if not self._claimed(name) and (app := await self._try(name, call.user.username, structure)):
                await self._c.accounts.undo_if_gone(call.user, partial(self._begin_to_destroy, app))
                await self._c.events.record(app, "created", app.owner, initial(app.owner), release=1)
                audit.note("app created", by=app.owner, app=app.id)
                location = str(call.request.url.with_path(f"/v1/apps/{app.id}").with_query(None))
                return as_json(self._shape(app), status=201, headers={"Location": location})
        raise BadFields(id=UNIQUE)

    def _claimed(self, app_id: str) -> bool:
        """Whether the host name that the app would have is another app's domain already."""
        domain = self._c.picture.domains.mirror.get(fqdn(f"{app_id}.{self._c.settings.domain}"))
        return domain is not None and domain.app != app_id

    async def _try(self, app_id: str, owner: str, structure: dict[str, int]) -> App | None:
        """Create the app, None when the id is taken: its key is what makes it unique."""
        if await self._apps.get(app_id) is not None:
            return None
        at = now()
        app = App(id=app_id, uuid=str(uuid.uuid4()), owner=owner, formation=structure, created=at, updated=at)
        empty = self._c.vault.seal(app.uuid, {})
        config = Config(uuid=str(uuid.uuid4()), owner=owner, values=empty, created=at)
        release = Release(
            uuid=str(uuid.uuid4()),
            app=app_id,
            owner=owner,
            number=1,
            summary=initial(owner),
            config=config,
            created=at,
        )
        first = await self._releases.create(release, app.uuid, 1)
        try:
            revision = await self._apps.create(app, app_id)
        except StaleRevision:
            present = await self._apps.get(app_id)
            if present is None or present.document.uuid != app.uuid:
                await self._releases.delete(app.uuid, 1, expect=first)
                return None
            revision = present.revision  # our own put, answered twice
        await self._c.picture.apps.reach(revision)
        await self._c.picture.releases.reach(first)
        return app

    async def give(self, call: Call) -> web.Response:
        """Give the app to another user; without an owner in the body nothing happens."""
        app = self._c.app(call)
        fields = Fields(await call.body())
        owner = fields.text("owner", required=False)
        fields.check()
        if not owner:
            return web.Response()
        if not may_own(call.user, app):
            raise Forbidden
        heir = await self._c.accounts.find(owner)
        if heir is None or not heir.is_active:
            raise NotFound
        if owner == app.owner:
            return web.Response()
        await self._hand_over(app, owner)
        if not await self._c.accounts.still(heir):
            await self._hand_over(app, app.owner)
            raise NotFound
        audit.note("app transferred", by=call.user.username, whom=owner, app=app.id, former_owner=app.owner)
        await self._c.events.record(app, "transferred", call.user.username, f"{call.user.username} gave it to {owner}")
        return web.Response()

    async def _hand_over(self, app: App, owner: str) -> None:
        """Write who owns it. The new owner is no collaborator any more, and the former one becomes none."""

        def given(present: App) -> App:
            others = tuple(one for one in self._same(app, present).collaborators if one != owner)
            return present.changed(owner=owner, collaborators=others)

        stored = await self._apps.update(given, app.id)
        if stored is None:
            raise NotFound
        await self._c.picture.apps.reach(stored.revision)

    async def destroy(self, call: Call) -> web.StreamResponse:
        """Destroy the app; the answer comes when nothing of it is left."""
        app = self._c.app(call)
        found = await self._begin_to_destroy(app)
        if found:
            audit.note("app destroyed", by=call.user.username, app=app.id, owner=app.owner)

        async def answer() -> web.Response:
            if found:
                await self._c.settling.destroyed(app)
            return web.Response(status=204)

        return await respond(self._c, call, Change(app, None, answer))

    async def _begin_to_destroy(self, app: App) -> bool:
        """Write that the app is to end; whether it is there still."""
        stored = await self._apps.update(
            lambda present: (
                self._same(app, present).changed(state="destroying", updated=now())
                if present.state != "destroying"
                else present
            ),
            app.id,
        )
        if stored is not None:
            await self._c.picture.apps.reach(stored.revision)
        return stored is not None

    def _same(self, app: App, present: App) -> App:
        """The record as it is now, if it is still that app's and not a later one's of the same name."""
        if present.uuid != app.uuid:
            raise NotFound
        return present

    def _shape(self, app: App) -> shapes.Shape:
        picture = self._c.picture
        rollout = picture.outlines_of(app.uuid).get(app.release)
        release = picture.release(app.uuid, app.release) if rollout is None else None
        under_way = course.of_app(course.stage(app, release, rollout), app.release, rollout)
        return {**shapes.of_app(app, self._c.settings.domain, picture.structure_of(app)), **under_way}
