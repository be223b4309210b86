"""`/v1/apps/<id>/domains`: further names that an app answers to."""

from __future__ import annotations

from aiohttp import web

from libs.keyspace.document import now
from libs.keyspace.records import App, Domain
from libs.store import StaleRevision
from libs.store.shelf import Shelf
from libs.web import as_json
from services.controller import audit, shapes
from services.controller.cert_rights import CertRights
from services.controller.controller import Call, Controller, Resource, Route
from services.controller.errors import BadFields, NotFound
from services.controller.fields import UNIQUE, Body, Fields
from services.controller.hostnames import fqdn, wrong_with_hostname
from services.controller.pages import paginated


def read_domain(body: Body) -> tuple[str, str]:
    """The name that a request brings, without a final dot, and what to say if it is taken; raises `BadFields`."""
    fields = Fields(body)
    given = fields.text("domain", longest=255)
    fields.check()
    name = given.removesuffix(".")
    if wrong := wrong_with_hostname(name):
        raise BadFields(domain=wrong)
    return name, UNIQUE if name == given else f"The domain {name} is already in use by another app"


class DomainsResource(Resource):
    """An app's domains."""

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._domains = Shelf(controller.store, controller.keyspace.domains)
        self._apps = Shelf(controller.store, controller.keyspace.apps)
        self._certs = Shelf(controller.store, controller.keyspace.certs)

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route("GET", "/v1/apps/{id}/domains", self.list),
            Route("POST", "/v1/apps/{id}/domains", self.add),
            Route("DELETE", "/v1/apps/{id}/domains/{domain}", self.remove),
        ]

    async def list(self, call: Call) -> web.Response:
        """The app's domains, by name."""
        app = self._c.app(call)
        return as_json(paginated(call.request.url, self._c.picture.domains_of(app.id), shapes.of_domain))

    async def add(self, call: Call) -> web.Response:
        """One more name; a name is one app's only, and case does not tell names apart."""
        app = self._c.app(call)
        name, taken = read_domain(await call.body())
        if wrong := self._wrong_below_the_platform(name, app):
            raise BadFields(domain=wrong)
        domain = Domain(app=app.id, domain=name, owner=call.user.username, created=now())
        try:
            revision = await self._domains.create(domain, fqdn(name))
        except StaleRevision as error:
            present = await self._domains.get(fqdn(name))
            if present is None or present.document != domain:
                raise BadFields(domain=taken) from error
            revision = present.revision  # our own put, answered twice
        if not await self._stands(app):
            await self._domains.delete(fqdn(name), expect=revision)
            raise NotFound
        await self._c.picture.domains.reach(revision)
        by = call.user.username
        await self._c.events.record(app, "domain added", by, f"{by} added the domain {name}")
        await self._drop_foreign(app, fqdn(name), by)
        return as_json(shapes.of_domain(domain), status=201)

    async def _drop_foreign(self, app: App, name: str, by: str) -> None:
        """Drop a certificate that a stranger added for the name before it was the app's."""
        rights = CertRights(self._c.picture.apps.mirror, self._c.picture.users.mirror, self._c.settings.domain)
        while (stored := await self._certs.get(name)) is not None and rights.is_strangers(stored.document, app):
            try:
                await self._certs.delete(name, expect=stored.revision)
            except StaleRevision:
                continue  # somebody changed it: look again whose it is
            audit.note("certificate removed", by=by, whom=stored.document.owner, common_name=name, domain_of=app.id)
            message = f"another user's certificate for {name} was dropped: {by} added the domain"
            await self._c.events.record(app, "certificate removed", by, message)

    async def _stands(self, app: App) -> bool:
        """Whether the app is not destroyed, after the domain was written: who destroys it later finds the domain."""
        present = await self._apps.get(app.id)
        return present is not None and present.document.uuid == app.uuid and present.document.state == "live"

    def _wrong_below_the_platform(self, name: str, app: App) -> str | None:
        """Why the app cannot have it: the platform's domain and all below it are given by the platform alone."""
        platform = fqdn(self._c.settings.domain)
        if fqdn(name) == platform:
            return f"{platform} is the platform's own domain."
        if fqdn(name).endswith(f".{platform}") and fqdn(name) != f"{app.id}.{platform}":
            return f"Names below {platform} are the platform's own; this app's is {app.id}.{platform}."
        return None

    async def remove(self, call: Call) -> web.Response:
        """Take a name away."""
        app = self._c.app(call)
        key = fqdn(call.parameter("domain"))
        stored = await self._domains.get(key)
        if stored is None or stored.document.app != app.id:
            raise NotFound
        await self._domains.delete(key, expect=stored.revision)
        mirror = self._c.picture.domains.mirror
        await self._c.picture.domains.until(lambda: True if mirror.get(key) is None else None, limit=2.0)
        by = call.user.username
        await self._c.events.record(app, "domain removed", by, f"{by} removed the domain {stored.document.domain}")
        return web.Response(status=204)
