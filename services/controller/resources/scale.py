"""`/v1/apps/<id>/scale`: how many of each process type."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from libs.keyspace.document import now
from libs.keyspace.records import App
from libs.store.shelf import Shelf
from services.controller.controller import Call, Controller, Resource, Route
from services.controller.errors import NotFound
from services.controller.formation import read_scale, refuse_too_many, refuse_unknown_types
from services.controller.process_types import fitted
from services.controller.responding import Change, planned_of, respond


def sentence(user: str, counts: Mapping[str, int]) -> str:
    """What the event says."""
    return f"{user} scaled " + ", ".join(f"{type_}={count}" for type_, count in sorted(counts.items()))


class ScaleResource(Resource):
    """An app's formation."""

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._apps = Shelf(controller.store, controller.keyspace.apps)

    def routes(self) -> list[Route]:
        """Its routes."""
        return [Route("POST", "/v1/apps/{id}/scale", self.scale, followed=True)]

    async def scale(self, call: Call) -> web.StreamResponse:
        """Change the counts that the body names, and wait until they run. It makes no release.

        What the build has no process type for is forgotten by it: the counts are over what runs.
        """
        app = self._c.app(call)
        counts = read_scale(await call.body(), most=self._c.settings.controller_most_instances)
        base = await self._c.releasing.base(app)
        refuse_unknown_types(counts, base.build, base.app.document.formation)
        if not counts:
            return web.Response(status=204)

        def change(present: App) -> App:
            if present.uuid != app.uuid or present.state != "live":
                raise NotFound
            same = base.build is not None and present.release == base.app.document.release
            formation = fitted(present.formation, base.build) if base.build and same else present.formation
            wanted = {**formation, **counts}
            refuse_too_many(wanted, most=self._c.settings.controller_most_instances)
            return present.changed(formation=wanted, updated=now())

        before = planned_of(self._c.picture, app)
        stored = await self._apps.update(change, app.id)
        if stored is None:
            raise NotFound
        await self._c.picture.apps.reach(stored.revision)
        by = call.user.username
        wanted = stored.document
        await self._c.events.record(app, "scaled", by, sentence(by, counts), release=wanted.release)

        async def answer() -> web.Response:
            await self._c.settling.settled(wanted, wanted.release, stored.revision)
            return web.Response(status=204)

        return await respond(self._c, call, Change(app, wanted.release, answer, before))
