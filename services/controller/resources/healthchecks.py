"""`/v1/apps/<id>/healthchecks`: the probes of an app's process types; part of its config, so a change is a release."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from aiohttp import web
from pydantic import JsonValue

from libs.keyspace.records import App, Build, Config
from libs.web import as_json
from services.controller.config_change import read_change
from services.controller.configuring import configure, headers_of
from services.controller.controller import Call, Resource, Route
from services.controller.deployer.recipe import BadRecipe, effective
from services.controller.errors import BadFields, NotFound
from services.controller.fields import NULL, REQUIRED
from services.controller.process_types import fitted
from services.controller.responding import Change, respond
from services.controller.shapes import Shape


class HealthchecksResource(Resource):
    """An app's probes."""

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route("GET", "/v1/apps/{id}/healthchecks", self.show),
            Route("POST", "/v1/apps/{id}/healthchecks", self.change, followed=True),
        ]

    async def show(self, call: Call) -> web.Response:
        """The probes that were set, and those that hold, at the release that the app wants now."""
        app = self._c.app(call)
        release = self._c.picture.release(app.uuid, app.release)
        if release is None:
            raise NotFound
        build = self._c.picture.builds.mirror.get(app.uuid, release.build) if release.build else None
        values = self._c.vault.unseal(app.uuid, release.config.values)
        return as_json(shape(app, release.number, release.config, build, values))

    async def change(self, call: Call) -> web.StreamResponse:
        """Merge over the present probes, make a release of it, and wait until it is out."""
        app = self._c.app(call)
        body = await call.body()
        if body.get("healthcheck") is None:
            raise BadFields(healthcheck=NULL if "healthcheck" in body else REQUIRED)
        change = read_change({"healthcheck": body["healthcheck"]})
        configured = await configure(self._c, app, change, call.user.username)

        async def answer() -> web.Response:
            number = await configured.out(self._c.settling)
            shown = shape(app, number, configured.config, configured.build, configured.values)
            return as_json(shown, status=201, headers=headers_of(number))

        return await respond(self._c, call, Change(app, configured.released.release.number, answer))


def shape(app: App, number: int, config: Config, build: Build | None, values: Mapping[str, str]) -> Shape:
    """The probes of a release: `effective` is what holds for each process type that it runs or has probes of."""
    running = {*fitted(app.formation, build), *build.procfile} if build else {*app.formation}
    found: dict[str, JsonValue] = {}
    for type_ in sorted(running | config.healthcheck.keys()):
        with suppress(BadRecipe):  # a config of another release, with which nothing of this type starts
            found[type_] = effective(type_, config.healthcheck, values)
    return {
        "app": app.id,
        "release": f"v{number}",
        "healthcheck": dict(config.healthcheck),
        "effective": found,
    }
