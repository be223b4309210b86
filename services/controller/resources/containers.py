"""`/v1/apps/<id>/containers`: what runs, and restarting it."""

from __future__ import annotations

from aiohttp import web

from libs.keyspace.document import now
from libs.keyspace.records import App
from libs.store.shelf import Shelf
from libs.web import as_json
from services.controller import shapes
from services.controller.controller import Call, Controller, Resource, Route
from services.controller.errors import NotFound
from services.controller.pages import paginated
from services.controller.processes import Process, processes
from services.controller.responding import Change, planned_of, respond

TYPE = "/v1/apps/{id}/containers/{type:[A-Za-z0-9_-]+}"
ONE = TYPE + "/{num:[0-9]{1,9}}"


class ContainersResource(Resource):
    """An app's containers."""

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._apps = Shelf(controller.store, controller.keyspace.apps)

    def routes(self) -> list[Route]:
        """Its routes; `restart` comes before the types, as it could be taken for one."""
        return [
            Route("GET", "/v1/apps/{id}/containers", self.list),
            Route("POST", "/v1/apps/{id}/containers/restart", self.restart, followed=True),
            Route("POST", TYPE + "/restart", self.restart, followed=True),
            Route("POST", ONE + "/restart", self.restart, followed=True),
            Route("GET", TYPE, self.list),
            Route("GET", ONE, self.show),
        ]

    def _scope(self, call: Call) -> tuple[str, int | None]:
        """The type and the number that a path names; empty and None where it names none."""
        number = call.request.match_info.get("num")
        return call.request.match_info.get("type", ""), int(number) if number else None

    def _processes(self, app: App, type_: str, number: int | None, *, runs: bool = True) -> list[Process]:
        """Those of the type and number; `runs`: one-off runs are among them, where their type is asked for."""
        picture = self._c.picture
        own = picture.instances_of(app.uuid)
        verdicts = {i.id: verdict for parts, i in own if (verdict := picture.health.mirror.get(*parts)) is not None}
        leaving = {i.id for parts, i in own if picture.retiring.mirror.get(*parts) is not None}
        one_off = picture.runs_of(app.uuid) if runs else []
        rollout = picture.rollouts.mirror.get(app.uuid, app.release)
        if rollout is not None and rollout.phase == "done":
            leaving |= {i.id for _, i in own} - {planned.id for planned in rollout.planned}
        found = processes(
            [*(instance for _, instance in own), *one_off],
            verdicts,
            picture.rollouts_about(app.uuid, {instance.id for _, instance in own}),
            leaving,
            app.created,
            alarms=rollout.alarms if rollout is not None else {},
        )
        return [
            process
            for process in found
            if (process.type == type_ if type_ else process.type != "run") and number in {None, process.number}
        ]

    async def list(self, call: Call) -> web.Response:
        """The containers, oldest first; one-off ones (`run`) only when they are asked for."""
        app = self._c.app(call)
        found = self._processes(app, *self._scope(call))
        return as_json(paginated(call.request.url, found, lambda process: shapes.of_process(app, process)))

    async def show(self, call: Call) -> web.Response:
        """One container."""
        app = self._c.app(call)
        found = self._processes(app, *self._scope(call))
        if not found:
            raise NotFound
        return as_json(shapes.of_process(app, found[-1]))

    async def restart(self, call: Call) -> web.StreamResponse:
        """Replace the containers that the path names, and wait until the new ones run."""
        app = self._c.app(call)
        type_, number = self._scope(call)
        await call.body()
        if not self._processes(app, type_, number, runs=False):
            return as_json([])
        scope = type_ if number is None else f"{type_}.{number}"

        def change(present: App) -> App:
            if present.uuid != app.uuid or present.state != "live":
                raise NotFound
            restarts = {**present.restarts, scope: present.restarts.get(scope, 0) + 1}
            return present.changed(restarts=restarts, updated=now())

        before = planned_of(self._c.picture, app)
        stored = await self._apps.update(change, app.id)
        if stored is None:
            raise NotFound
        await self._c.picture.apps.reach(stored.revision)
        by = call.user.username
        said = f"{by} restarted {scope or 'all containers'}"
        wanted = stored.document
        await self._c.events.record(app, "restarted", by, said, release=wanted.release)

        async def answer() -> web.Response:
            release = self._c.picture.release(app.uuid, wanted.release)
            if release is not None and release.build is not None:
                await self._c.settling.settled(wanted, wanted.release, stored.revision)
            found = self._processes(app, type_, number)
            return as_json([shapes.of_process(app, process) for process in found])

        return await respond(self._c, call, Change(app, wanted.release, answer, before))
