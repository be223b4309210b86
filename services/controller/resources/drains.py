"""`/v1/apps/<id>/drains` and, for superusers, `/v1/admin/drains`: where an app's lines, or all lines, are sent to."""

from __future__ import annotations

from aiohttp import web

from libs.keyspace.records import App, Drain
from libs.keyspace.records.logs import PLATFORM
from libs.store.shelf import Shelf
from libs.web import as_json
from services.controller import audit, shapes
from services.controller.access import require_superuser
from services.controller.controller import Call, Controller, Resource, Route
from services.controller.drain_fields import address, read_drain
from services.controller.drains import Drains
from services.controller.errors import NotFound
from services.controller.pages import paginated

OF_APP = "/v1/apps/{id}/drains"
OF_PLATFORM = "/v1/admin/drains"


class DrainsResource(Resource):
    """Log drains. The platform's belong to no app, and no event tells of them: the audit does."""

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._drains = Drains(controller.store, controller.keyspace, controller.picture, controller.vault)
        self._apps = Shelf(controller.store, controller.keyspace.apps)

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route(method, path + one, handle)
            for path in (OF_APP, OF_PLATFORM)
            for method, one, handle in (
                ("GET", "", self.list),
                ("POST", "", self.add),
                ("GET", "/{drain}", self.show),
                ("DELETE", "/{drain}", self.remove),
            )
        ]

    async def list(self, call: Call) -> web.Response:
        """Those of the app or the platform, oldest first."""
        return as_json(paginated(call.request.url, self._drains.of(_scope(self._app(call))), self._shape))

    async def show(self, call: Call) -> web.Response:
        """One of them."""
        return as_json(self._shape(self._found(call, self._app(call))))

    async def add(self, call: Call) -> web.Response:
        """One more; what is secret of it is sealed before it leaves this process."""
        app = self._app(call)
        new = read_drain(await call.body())
        drain, revision = await self._drains.add(_scope(app), app.id if app else "", call.user.username, new)
        if app is not None and not await self._stands(app):
            await self._drains.remove(app.uuid, drain.id)
            raise NotFound
        await self._c.picture.drains.reach(revision)
        await self._tell(call, app, drain, "added")
        return as_json(self._shape(drain), status=201)

    async def remove(self, call: Call) -> web.Response:
        """Take one away, with its secrets and what is told of it."""
        app = self._app(call)
        drain = self._found(call, app)
        if not await self._drains.remove(_scope(app), drain.id):
            raise NotFound
        await self._tell(call, app, drain, "removed")
        return web.Response(status=204)

    def _app(self, call: Call) -> App | None:
        """The app that a path names, None for the platform's; raises `NotFound`, `Forbidden`."""
        if "id" in call.request.match_info:
            return self._c.app(call)
        require_superuser(call.user)
        return None

    def _found(self, call: Call, app: App | None) -> Drain:
        drain = self._drains.get(_scope(app), call.parameter("drain"))
        if drain is None:
            raise NotFound
        return drain

    async def _stands(self, app: App) -> bool:
        """Whether the app is not destroyed, after the drain was written: who destroys it later finds the drain."""
        present = await self._apps.get(app.id)
        return present is not None and present.document.uuid == app.uuid and present.document.state == "live"

    async def _tell(self, call: Call, app: App | None, drain: Drain, done: str) -> None:
        """The audit's line, and the app's event. Receivers have tokens in paths and queries: neither tells those."""
        by, to = call.user.username, address(drain.url)
        of = {"app": app.id} if app is not None else {}
        audit.note(f"log drain {done}", by=by, drain=drain.id, to=to, **of)
        if app is not None:
            message = f"{by} {done} the log drain {drain.id} to {to}"
            await self._c.events.record(app, f"drain {done}", by, message)

    def _shape(self, drain: Drain) -> shapes.Shape:
        return shapes.of_drain(drain, self._drains.state(drain))


def _scope(app: App | None) -> str:
    return app.uuid if app is not None else PLATFORM
