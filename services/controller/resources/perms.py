"""`/v1/apps/<id>/perms`: who else may use an app."""

from __future__ import annotations

from aiohttp import web

from libs.keyspace.records import App
from libs.store.shelf import Shelf
from libs.web import as_json
from services.controller.access import may_own, may_remove
from services.controller.controller import Call, Controller, Resource, Route
from services.controller.errors import Forbidden, NotFound
from services.controller.fields import Fields


class PermsResource(Resource):
    """An app's collaborators."""

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._apps = Shelf(controller.store, controller.keyspace.apps)

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route("GET", "/v1/apps/{id}/perms", self.list),
            Route("POST", "/v1/apps/{id}/perms", self.add),
            Route("DELETE", "/v1/apps/{id}/perms/{username}", self.remove),
        ]

    async def list(self, call: Call) -> web.Response:
        """The collaborators; the owner is none."""
        return as_json({"users": sorted(self._c.app(call).collaborators)})

    async def add(self, call: Call) -> web.Response:
        """One more; who may use it already stays as they are."""
        app = self._c.app(call)
        if not may_own(call.user, app):
            raise Forbidden
        fields = Fields(await call.body())
        username = fields.text("username")
        fields.check()
        accounts, by = self._c.accounts, call.user.username
        user = await accounts.find(username)
        if user is None or not user.is_active:
            raise NotFound
        if await self._change(app, username, present=True):
            if not await accounts.still(user):
                await self._change(app, username, present=False)
                raise NotFound
            await self._c.events.record(app, "collaborator added", by, f"{by} gave {username} access")
        return web.Response(status=201)

    async def remove(self, call: Call) -> web.Response:
        """Take one away: the owner anyone, a collaborator oneself. One who is none is not to be taken away: 403."""
        app = self._c.picture.apps.mirror.get(call.parameter("id"))
        if app is None:
            raise NotFound
        username, by = call.parameter("username"), call.user.username
        if not may_remove(call.user, app, username):
            raise Forbidden
        if username not in app.collaborators:
            raise NotFound if await self._c.accounts.find(username) is None else Forbidden
        await self._change(app, username, present=False)
        said = f"{by} left" if by == username else f"{by} took {username}'s access away"
        await self._c.events.record(app, "collaborator removed", by, said)
        return web.Response(status=204)

    async def _change(self, app: App, username: str, *, present: bool) -> bool:
        """Write that a user is among the collaborators, or not; whether that was a change."""
        changed = False

        def write(found: App) -> App:
            nonlocal changed
            if found.uuid != app.uuid or found.state != "live":
                raise NotFound
            others = tuple(one for one in found.collaborators if one != username)
            wanted = (*others, username) if present and found.owner != username else others
            changed = (username in wanted) != (username in found.collaborators)
            return found.changed(collaborators=wanted) if changed else found

        stored = await self._apps.update(write, app.id)
        if stored is None:
            raise NotFound
        await self._c.picture.apps.reach(stored.revision)
        return changed
