"""`/v1/apps/<id>/builds`: images that a user brings. Each is a release."""

from __future__ import annotations

import re
import uuid

from aiohttp import web

from libs.keyspace.document import now
from libs.keyspace.records import App, Build, Config
from libs.web import as_json
from services.controller import shapes
from services.controller.controller import Call, Resource, Route
from services.controller.errors import Forbidden, NotFound
from services.controller.fields import Body, Fields
from services.controller.formation import read_procfile
from services.controller.pages import paginated
from services.controller.process_types import default_formation
from services.controller.releasing import Base, Proposal, content_of
from services.controller.summary import summarise

OWN_COMPONENTS = frozenset(
    f"deis/{name}"
    for name in (
        "builder",
        "cache",
        "controller",
        "database",
        "logger",
        "logspout",
        "publisher",
        "registry",
        "router",
        "store-admin",
        "store-daemon",
        "store-gateway",
        "store-metadata",
        "store-monitor",
        "store-volume",
    )
)

_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*")


def repository(image: str) -> str:
    """An image's repository, without its registry's host, its tag and its digest."""
    name = image.partition("@")[0]
    head, slash, rest = name.partition("/")
    if slash and ("." in head or ":" in head or head == "localhost"):
        name = rest
    path, slash, last = name.rpartition("/")
    return f"{path}{slash}{last.partition(':')[0]}"


def read_build(body: Body, app: App, by: str) -> Build:
    """The build that a request brings; raises `BadFields`, and `Forbidden` for the platform's own images."""
    fields = Fields(body)
    image = fields.text("image", longest=256)
    if image and not _IMAGE.fullmatch(image):
        fields.wrongly("image", "Enter a valid image name.")
    sha = fields.text("sha", required=False, blank=True, longest=40)
    dockerfile = fields.text("dockerfile", required=False, blank=True)
    procfile = read_procfile(fields)
    fields.check()
    if repository(image) in OWN_COMPONENTS:
        raise Forbidden(f"Repository name {repository(image)} is not allowed")
    return Build(
        uuid=str(uuid.uuid4()),
        app=app.id,
        owner=by,
        image=image,
        sha=sha,
        procfile=procfile,
        dockerfile=dockerfile,
        created=now(),
    )


class BuildsResource(Resource):
    """An app's builds."""

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route("GET", "/v1/apps/{id}/builds", self.list),
            Route("POST", "/v1/apps/{id}/builds", self.create),
            Route("GET", "/v1/apps/{id}/builds/{uuid}", self.show),
        ]

    async def list(self, call: Call) -> web.Response:
        """The builds, newest first."""
        builds = self._c.picture.builds_of(self._c.app(call).uuid)
        return as_json(paginated(call.request.url, builds, shapes.of_build))

    async def show(self, call: Call) -> web.Response:
        """One build."""
        build = self._c.picture.builds.mirror.get(self._c.app(call).uuid, call.parameter("uuid"))
        if build is None:
            raise NotFound
        return as_json(shapes.of_build(build))

    async def create(self, call: Call) -> web.Response:
        """Make a release of the image, and wait until it is out."""
        app = self._c.app(call)
        by = call.user.username
        build = read_build(await call.body(), app, by)
        base = await self._c.releasing.base(app)
        config = self._config(base, by)
        content = content_of(build, config, base.values)
        summary = summarise(by, base.content, content)
        formation = base.app.document.formation or default_formation(build)
        proposal = Proposal(by=by, summary=summary, config=config, build=build, build_is_new=True, formation=formation)
        released = await self._c.releasing.release(base, proposal)
        number = released.release.number
        await self._c.picture.apps.reach(released.revision)
        await self._c.events.record(app, "released", by, summary, release=number)
        out = await self._c.settling.out(released, base.content, content)
        headers = {"Deis-Release": str(out), "X-Deis-Release": str(out)}
        return as_json(shapes.of_build(build), status=201, headers=headers)

    def _config(self, base: Base, by: str) -> Config:
        if base.release is not None:
            return base.release.config
        empty = self._c.vault.seal(base.app.document.uuid, {})
        return Config(uuid=str(uuid.uuid4()), owner=by, values=empty, created=now())
