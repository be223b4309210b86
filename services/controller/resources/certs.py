"""`/v1/certs`: certificates for the domain of their common name. A list has one's own; `cert_rights` has the rest."""

from __future__ import annotations

from aiohttp import web

from libs.keyspace.document import now
from libs.keyspace.records import App, Cert, User
from libs.store import ABSENT, StaleRevision
from libs.store.shelf import Shelf, Stored
from libs.web import as_json
from services.controller import audit, shapes
from services.controller.cert_rights import CertRights, taken
from services.controller.certificates import (
    LONGEST_KEY,
    BadCertificate,
    BadPrivateKey,
    Certificate,
    name_for,
    no_wildcards,
    read_certificate,
    read_private_key,
)
from services.controller.controller import Call, Controller, Resource, Route
from services.controller.errors import BadFields, Forbidden, NotFound
from services.controller.fields import Body, Fields
from services.controller.hostnames import INVALID, fqdn, is_hostname
from services.controller.pages import paginated
from services.controller.picture import CATCHES_UP

ONE = "/v1/certs/{common_name}"


def read_cert(body: Body) -> tuple[str, Certificate, str]:
    """The name, the certificate and its key that a request brings; raises `BadFields`, which never quotes the key."""
    fields = Fields(body)
    pem, key = fields.text("certificate"), fields.text("key", longest=LONGEST_KEY)
    name = fqdn(fields.text("common_name", required=False, blank=True).strip())
    fields.check()
    if name and not is_hostname(name):
        raise BadFields(common_name=no_wildcards(name) if name.startswith("*") else INVALID)
    try:
        certificate = read_certificate(pem)
    except BadCertificate as bad:
        raise BadFields(certificate=bad.args) from bad
    try:
        name = name or name_for(certificate)
    except BadCertificate as bad:
        raise BadFields(common_name=bad.args) from bad
    try:
        return name, certificate, read_private_key(key, certificate)
    except BadPrivateKey as bad:
        raise BadFields(key=bad.args) from bad


class CertsResource(Resource):
    """A user's certificates. One's record is under its name, so a name has one."""

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._certs = Shelf(controller.store, controller.keyspace.certs)
        self._domains = Shelf(controller.store, controller.keyspace.domains)
        picture = controller.picture
        self._rights = CertRights(picture.apps.mirror, picture.users.mirror, controller.settings.domain)

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route("GET", "/v1/certs", self.list),
            Route("POST", "/v1/certs", self.add),
            Route("GET", ONE, self.show),
            Route("DELETE", ONE, self.remove),
        ]

    async def list(self, call: Call) -> web.Response:
        """One's own certificates, by name."""
        own = [cert for _, cert in self._c.picture.certs.mirror.items() if cert.owner == call.user.username]
        return as_json(paginated(call.request.url, own, shapes.of_cert))

    async def show(self, call: Call) -> web.Response:
        """One of them."""
        return as_json(shapes.of_cert(self._reachable(call).document))

    async def add(self, call: Call) -> web.Response:
        """One more certificate, or one in another's place; its key is sealed before it leaves this process."""
        name, certificate, key = read_cert(await call.body())
        user = call.user
        self._rights.refuse_foreign(name, self._c.picture.domains.mirror.get(name), user)
        cert = Cert(
            common_name=name,
            owner=user.username,
            certificate=certificate.pem,
            key=self._c.vault.seal_text(f"cert:{name}", key),
            names=certificate.names,
            fingerprint=certificate.fingerprint,
            expires=certificate.expires,
            created=now(),
        )
        revision, former = await self._write(cert, user)
        await self._c.accounts.undo_if_gone(user, lambda: self._certs.delete(name, expect=revision))
        await self._refuse_overtaken(cert, revision, user)
        await self._c.picture.certs.reach(revision)
        whom = former.owner if former is not None else None
        audit.note("certificate added", by=cert.owner, whom=whom, common_name=name, expires=shapes.date(cert.expires))
        if former is not None:
            await self._tell(call, name, "certificate replaced", "put a certificate in the place of another user's")
        return as_json(shapes.of_cert(cert), status=201)

    async def _write(self, cert: Cert, user: User) -> tuple[int, Cert | None]:
        """Write it where there is none, or one that the user may displace, which is returned beside the revision."""
        name, former = cert.common_name, None
        while True:
            stored = await self._certs.get(name)
            if stored is not None and stored.document.key == cert.key:
                return stored.revision, former  # our own put, answered twice
            former = stored.document if stored is not None else None
            if former is not None:
                app = self._app_at(name)
                if former.owner == user.username or not self._rights.may_displace(user, former, app):
                    raise BadFields(common_name=taken(name, former, user, app))
            try:
                expect = stored.revision if stored is not None else ABSENT
                return await self._certs.put(cert, name, expect=expect), former
            except StaleRevision:
                continue  # somebody else was faster: look at theirs

    async def _refuse_overtaken(self, cert: Cert, revision: int, user: User) -> None:
        """Take it back if the name became another's domain meanwhile; who adds one looks for it after that."""
        domain = await self._domains.get(cert.common_name)
        try:
            self._rights.refuse_foreign(cert.common_name, domain.document if domain else None, user)
        except Forbidden:
            await self._certs.delete(cert.common_name, expect=revision)
            raise

    async def remove(self, call: Call) -> web.Response:
        """Take one of them away, with its key."""
        found = self._reachable(call).document
        while True:
            stored = await self._certs.get(found.common_name)
            if stored is None or stored.document.owner != found.owner:
                raise NotFound
            try:
                await self._certs.delete(found.common_name, expect=stored.revision)
            except StaleRevision:
                continue  # it was sealed anew
            break
        mirror = self._c.picture.certs.mirror
        await self._c.picture.certs.until(
            lambda: True if mirror.get(found.common_name) is None else None, limit=CATCHES_UP
        )
        by = call.user.username
        audit.note("certificate removed", by=by, whom=found.owner, common_name=found.common_name)
        if found.owner != by:
            await self._tell(call, found.common_name, "certificate removed", "removed another user's certificate")
        return web.Response(status=204)

    def _reachable(self, call: Call) -> Stored[Cert]:
        """The certificate that a path names: one's own, or one that one may displace; raises `NotFound`."""
        stored = self._c.picture.certs.mirror.stored(fqdn(call.parameter("common_name")))
        if stored is not None:
            cert = stored.document
            app = self._app_at(cert.common_name)
            if cert.owner == call.user.username or self._rights.may_displace(call.user, cert, app):
                return stored
        raise NotFound

    def _app_at(self, name: str) -> App | None:
        return self._rights.app_at(name, self._c.picture.domains.mirror.get(name))

    async def _tell(self, call: Call, name: str, kind: str, did: str) -> None:
        """Write an event of the app that has the name, if one has."""
        app, by = self._app_at(name), call.user.username
        if app is not None:
            await self._c.events.record(app, kind, by, f"{by} {did}, for {name}")
