"""`/v1/apps/<id>/settings`: how an app is rolled, drained and stopped. A change makes no release and rolls nothing."""

from __future__ import annotations

from aiohttp import web

from libs.keyspace.records import App, AppSettings
from libs.store.shelf import Shelf
from libs.web import as_json
from services.controller.app_settings import changed, read_settings, sentence, shown
from services.controller.controller import Call, Controller, Resource, Route
from services.controller.errors import NotFound
from services.controller.shapes import Shape


class SettingsResource(Resource):
    """An app's settings."""

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._apps = Shelf(controller.store, controller.keyspace.apps)

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route("GET", "/v1/apps/{id}/settings", self.show),
            Route("POST", "/v1/apps/{id}/settings", self.change),
        ]

    async def show(self, call: Call) -> web.Response:
        """The settings that hold, and the defaults."""
        return as_json(shape(self._c.app(call)))

    async def change(self, call: Call) -> web.Response:
        """Change the settings that the body names. The app's `updated` is of what it runs: this begins no rollout."""
        app = self._c.app(call)
        change = read_settings(await call.body())
        before = app.settings

        def merge(present: App) -> App:
            nonlocal before
            if present.uuid != app.uuid or present.state != "live":
                raise NotFound
            before = present.settings
            after = changed(present.settings, change)
            return present if after == present.settings else present.changed(settings=after)  # `updated` stays

        stored = await self._apps.update(merge, app.id)
        if stored is None:
            raise NotFound
        await self._c.picture.apps.reach(stored.revision)
        if stored.document.settings != before:
            by = call.user.username
            await self._c.events.record(app, "settings", by, sentence(by, change))
        return as_json(shape(stored.document), status=201)


def shape(app: App) -> Shape:
    """An app's settings."""
    return {"app": app.id, "settings": shown(app.settings), "defaults": shown(AppSettings())}
