"""`/v1/apps/<id>/config`: values, limits and tags. Each change is a release."""

from __future__ import annotations

import uuid

from aiohttp import web

from libs.keyspace.document import now
from libs.keyspace.records import Config
from libs.web import as_json
from services.controller import shapes
from services.controller.config_change import ConfigChange, fits, merge, read_change
from services.controller.controller import Call, Resource, Route
from services.controller.errors import BadFields, NotFound
from services.controller.placement import wrong_with_tags
from services.controller.releasing import Base, Proposal, content_of
from services.controller.summary import summarise


class ConfigResource(Resource):
    """An app's config."""

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route("GET", "/v1/apps/{id}/config", self.show),
            Route("POST", "/v1/apps/{id}/config", self.change),
        ]

    async def show(self, call: Call) -> web.Response:
        """The config of the release that the app wants now."""
        app = self._c.app(call)
        release = self._c.picture.release(app.uuid, app.release)
        if release is None:
            raise NotFound
        values = self._c.vault.unseal(app.uuid, release.config.values)
        return as_json(shapes.of_config(app, release.config, values))

    async def change(self, call: Call) -> web.Response:
        """Merge over the present config, make a release of it, and wait until it is out."""
        app = self._c.app(call)
        change = read_change(await call.body())
        base = await self._c.releasing.base(app)
        by = call.user.username
        values = merge(base.values, change.values)
        if not fits(values):
            raise BadFields(values="All values together are longer than 512 KiB")
        config = self._config(base, change, by, values)
        self._refuse_unplaceable(change, config)
        content = content_of(base.build, config, values)
        summary = summarise(by, base.content, content)
        proposal = Proposal(by=by, summary=summary, config=config, build=base.build)
        released = await self._c.releasing.release(base, proposal)
        number = released.release.number
        await self._c.picture.apps.reach(released.revision)
        await self._c.events.record(app, "released", by, summary, release=number)
        shown = dict(values)
        if base.build is not None:
            number = await self._c.settling.out(released, base.content, content)
            shown |= {"DEIS_APP": app.id, "DEIS_RELEASE": f"v{number}"}
        headers = {"Deis-Release": str(number), "X-Deis-Release": str(number)}
        return as_json(shapes.of_config(app, config, shown), status=201, headers=headers)

    def _refuse_unplaceable(self, change: ConfigChange, config: Config) -> None:
        """Raise `BadFields` for new tags that no present node carries; taking tags away is always fine."""
        if all(value is None for value in change.tags.values()):
            return
        nodes = {parts[0]: node for parts, node in self._c.picture.nodes.mirror.items()}
        if wrong := wrong_with_tags(config.tags, nodes):
            raise BadFields(tags=wrong)

    def _config(self, base: Base, change: ConfigChange, by: str, values: dict[str, str]) -> Config:
        before = base.release.config if base.release else None
        return Config(
            uuid=str(uuid.uuid4()),
            owner=by,
            values=self._c.vault.seal(base.app.document.uuid, values),
            memory=merge(before.memory if before else {}, change.memory),
            cpu=merge(before.cpu if before else {}, change.cpu),
            tags=merge(before.tags if before else {}, change.tags),
            healthcheck=dict(before.healthcheck) if before else {},
            created=now(),
        )
