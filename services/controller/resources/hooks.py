"""`/v1/hooks/…`: what the builder asks in a pushing user's name. It shows the builder key, and no token."""

from __future__ import annotations

import uuid

from aiohttp import web

from libs.keyspace.document import now
from libs.keyspace.records import App, User
from libs.web import as_json
from services.controller import shapes
from services.controller.access import may_use
from services.controller.building import bring, read_build
from services.controller.controller import Call, Resource, Route
from services.controller.errors import Forbidden, NotAuthenticated, NotFound
from services.controller.fields import Fields

HEADER = "X-Deis-Builder-Auth"
LONGEST = 255


class HooksResource(Resource):
    """The builder's hooks."""

    def routes(self) -> list[Route]:
        """Its routes: open to who has no token, and each guarded by the builder key."""
        return [
            Route("POST", "/v1/hooks/push", self.push, open=True),
            Route("POST", "/v1/hooks/config", self.config, open=True),
            Route("POST", "/v1/hooks/build", self.build, open=True),
        ]

    async def push(self, call: Call) -> web.Response:
        """Somebody pushes: kept as an event of the app."""
        fields = await self._guarded(call)
        sha = fields.text("sha", longest=40)
        fingerprint = fields.text("fingerprint", longest=LONGEST)
        connection = fields.text("ssh_connection", longest=LONGEST)
        command = fields.text("ssh_original_command", longest=LONGEST)
        app, user = self._pushed(fields)
        at = now()
        said = f"{user.username} pushed {sha[:7]} from {connection.split()[0]} with the key {fingerprint}"
        await self._c.events.record(app, "pushed", user.username, said)
        push: shapes.Shape = {
            "uuid": str(uuid.uuid4()),
            "owner": user.username,
            "app": app.id,
            "sha": sha,
            "fingerprint": fingerprint,
            "receive_user": user.username,
            "receive_repo": app.id,
            "ssh_connection": connection,
            "ssh_original_command": command,
            "created": shapes.date(at),
            "updated": shapes.date(at),
        }
        return as_json(push, status=201)

    async def config(self, call: Call) -> web.Response:
        """The config of the release that the app wants now, for the build to run with."""
        app, _ = self._pushed(await self._guarded(call))
        release = self._c.picture.release(app.uuid, app.release)
        if release is None:
            raise NotFound
        values = self._c.vault.unseal(app.uuid, release.config.values)
        return as_json(shapes.of_config(app, release.config, values))

    async def build(self, call: Call) -> web.Response:
        """What was pushed is built: make a release of it, and wait until it is out. v1 told no bad field."""
        fields = await self._guarded(call)
        app, user = self._pushed(fields)
        build = read_build(fields, app, user.username)
        version = await bring(self._c, app, build, user.username)
        return as_json({"release": {"version": version}, "domains": [f"{app.id}.{self._c.settings.domain}"]})

    async def _guarded(self, call: Call) -> Fields:
        """The body of a request that shows the builder key; raises `NotAuthenticated`."""
        shown = call.request.headers.get(HEADER)
        if not shown or not await self._c.builder_key.matches(shown):
            raise NotAuthenticated
        return Fields(await call.body())

    def _pushed(self, fields: Fields) -> tuple[App, User]:
        """The app that is pushed to, and who does; raises `BadFields`, `NotFound`, `Forbidden`."""
        username, repository = fields.text("receive_user"), fields.text("receive_repo")
        fields.check()
        app = self._c.picture.apps.mirror.get(repository)
        user = self._c.picture.users.mirror.get(username)
        if app is None or user is None:
            raise NotFound
        if not user.is_active or not may_use(user, app, "POST"):
            raise Forbidden
        return app, user
