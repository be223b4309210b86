"""`/v1/apps/<id>/releases`: the history of an app, and going back in it."""

from __future__ import annotations

import re

from aiohttp import web
from pydantic import JsonValue

from libs.keyspace.records import App, Build, Release
from libs.store.shelf import Shelf
from libs.web import as_json, encoded, of_json
from services.controller.cancelling import Cancelling
from services.controller.controller import Call, Controller, Resource, Route
from services.controller.errors import BadFields, BadRequest, NotFound
from services.controller.fields import Body
from services.controller.following import Seen, follow
from services.controller.kept import Kept
from services.controller.lines import asked_for
from services.controller.release_course import in_full, page_of
from services.controller.releasing import Proposal, content_of
from services.controller.responding import Change, planned_of, respond
from services.controller.summary import rolled_back

BELOW = "version cannot be below 0"


def read_version(body: Body) -> int | None:
    """The release that a rollback names, None for the one before; raises `BadFields`, `BadRequest`."""
    value: JsonValue = body.get("version")
    if value is None or value == "" or value is False:
        return None
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", text):
        raise BadFields(version="A valid integer is required.")
    number = int(text)
    if number < 0:
        raise BadRequest(BELOW)
    return number or None


def version_in(call: Call) -> int | None:
    """The release that a path names, None where it names none; raises `NotFound` for a number that none can have."""
    text = call.request.match_info.get("version", "")[1:]
    if len(text) >= 10:
        raise NotFound
    return int(text) if text else None


class ReleasesResource(Resource):
    """An app's releases."""

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._releases = Shelf(controller.store, controller.keyspace.releases)
        self._builds = Shelf(controller.store, controller.keyspace.builds)
        self._pages = Kept(controller.picture.mirrors)

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route("GET", "/v1/apps/{id}/releases", self.list),
            Route("POST", "/v1/apps/{id}/releases/rollback", self.roll_back, followed=True),
            Route("POST", "/v1/apps/{id}/releases/cancel", self.cancel, followed=True),
            Route("POST", "/v1/apps/{id}/releases/{version:v[0-9]+}/cancel", self.cancel, followed=True),
            Route("GET", "/v1/apps/{id}/releases/{version:v[0-9]+}", self.show, followed=True),
        ]

    async def list(self, call: Call) -> web.Response:
        """The releases, newest first."""
        app, url = self._c.app(call), call.request.url
        text = self._pages.answer(app.uuid, str(url), lambda: encoded(page_of(self._c.picture, app, url)))
        return of_json(text)

    async def show(self, call: Call) -> web.StreamResponse:
        """One release, with the course of its rollout; as lines, one at each change, where a client follows it."""
        app = self._c.app(call)
        number = version_in(call)
        release = self._c.picture.release(app.uuid, number) if number is not None else None
        if release is None or release.number > app.latest:
            raise NotFound
        if asked_for(call.request):
            return await follow(call.request, self._c.picture.rollouts, lambda: self._seen(app, release))
        return as_json(self._seen(app, release).shape)

    def _seen(self, app: App, release: Release) -> Seen:
        """A release as it is now; over once its rollout is, or nothing more can be said here."""
        present = self._c.picture.apps.mirror.get(app.id)
        if present is None or present.uuid != app.uuid:
            return Seen(None, over=True)
        told, over = in_full(self._c.picture, present, release)
        return Seen(told, over=over or self._c.settling.stopping)

    async def cancel(self, call: Call) -> web.StreamResponse:
        """End the rollout under way, and wait until the app runs what it ran before."""
        app = self._c.app(call)
        number = version_in(call)
        await call.body()
        instances = [instance for _, instance in self._c.picture.instances_of(app.uuid)]
        before = planned_of(self._c.picture, app)
        cancelling = await self._c.cancels.cancel(app, number, call.user.username, instances)
        await self._c.picture.apps.reach(cancelling.revision)

        async def answer() -> web.Response:
            return await self._cancelled(app, cancelling, call.user.username)

        return await respond(self._c, call, Change(app, cancelling.back_to, answer, before))

    async def _cancelled(self, app: App, cancelling: Cancelling, by: str) -> web.Response:
        await self._c.settling.cancelled(app, cancelling)
        if self._c.picture.rollouts.mirror.get(app.uuid, cancelling.version) is None:  # else the deployer told of it
            words = f"v{cancelling.version} was cancelled by {by} before it was begun"
            await self._c.events.record(app, "cancelled", by, words, release=cancelling.version)
        release = self._c.picture.release(app.uuid, cancelling.back_to)
        runs = release is not None and release.build is not None
        return as_json({"version": cancelling.version, "back_to": cancelling.back_to, "runs": runs})

    async def roll_back(self, call: Call) -> web.StreamResponse:
        """Make a release of an earlier one's build and config, and wait until it is out.

        From a release with a build there is no way back to one without: in v1 there was, and the app then ran nothing.
        """
        app = self._c.app(call)
        version = read_version(await call.body())
        base = await self._c.releasing.base(app)
        number = version if version is not None else self._before(base.app.document)
        if number < 1:
            raise BadRequest(f"There is no earlier release to go back to from v{base.app.document.release}")
        earlier = await self._releases.get(app.uuid, number)
        if earlier is None or number > base.app.document.latest:
            raise NotFound
        by = call.user.username
        summary = rolled_back(by, number)
        build = await self._build(app, earlier.document)
        if build is None and base.build is not None:
            raise BadRequest(f"No build associated with release v{number}")
        config = earlier.document.config
        proposal = Proposal(by=by, summary=summary, config=config, build=build)
        released = await self._c.releasing.release(base, proposal)
        latest = released.release.number
        await self._c.picture.apps.reach(released.revision)
        await self._c.events.record(app, "released", by, summary, release=latest)

        async def answer() -> web.Response:
            out = latest
            if build is not None:
                content = content_of(build, config, self._c.vault.unseal(app.uuid, config.values))
                out = await self._c.settling.out(released, base.content, content)
            return as_json({"version": out}, status=201)

        return await respond(self._c, call, Change(app, latest, answer))

    def _before(self, app: App) -> int:
        """The release before the one that the app wants; those that failed or were cancelled do not count."""
        known = self._c.picture.outlines_of(app.uuid)
        for release in self._c.picture.releases_of(app.uuid, upto=app.release - 1):
            rollout = known.get(release.number)
            if rollout is None or rollout.phase not in {"failed", "cancelled"}:
                return release.number
        return 0

    async def _build(self, app: App, release: Release) -> Build | None:
        if release.build is None:
            return None
        stored = await self._builds.get(app.uuid, release.build)
        if stored is None:
            raise NotFound
        return stored.document
