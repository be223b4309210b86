"""`/v1/certs`: certificates that routers serve for the domain of their common name. Everybody has their own only."""

from __future__ import annotations

import structlog
from aiohttp import web

from libs.keyspace.document import now
from libs.keyspace.records import Cert, User
from libs.store import StaleRevision
from libs.store.shelf import Shelf, Stored
from libs.web import as_json
from services.controller import shapes
from services.controller.access import may_see
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
from services.controller.fields import UNIQUE, Body, Fields
from services.controller.hostnames import INVALID, fqdn, is_hostname
from services.controller.pages import paginated
from services.controller.picture import CATCHES_UP

ONE = "/v1/certs/{common_name}"

log = structlog.get_logger("certs")


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
        return as_json(shapes.of_cert(self._own(call).document))

    async def add(self, call: Call) -> web.Response:
        """One more certificate; its key is sealed before it leaves this process."""
        name, certificate, key = read_cert(await call.body())
        self._refuse_foreign(name, call.user)
        cert = Cert(
            common_name=name,
            owner=call.user.username,
            certificate=certificate.pem,
            key=self._c.vault.seal_text(f"cert:{name}", key),
            names=certificate.names,
            fingerprint=certificate.fingerprint,
            expires=certificate.expires,
            created=now(),
        )
        try:
            revision = await self._certs.create(cert, name)
        except StaleRevision as error:
            present = await self._certs.get(name)
            if present is None or present.document.key != cert.key:
                raise BadFields(common_name=UNIQUE) from error
            revision = present.revision  # our own put, answered twice
        await self._c.accounts.undo_if_gone(call.user, lambda: self._certs.delete(name, expect=revision))
        await self._c.picture.certs.reach(revision)
        log.info("a certificate was added", common_name=name, by=cert.owner, expires=shapes.date(cert.expires))
        return as_json(shapes.of_cert(cert), status=201)

    def _refuse_foreign(self, name: str, user: User) -> None:
        """Raise `Forbidden` for a name at which another one's app, or the platform itself, is reached.

        Routers serve the certificate of a name to whoever comes to it: a stranger's would send them all away.
        """
        platform = fqdn(self._c.settings.domain)
        domain = self._c.picture.domains.mirror.get(name)
        id_ = domain.app if domain is not None else name.removesuffix(f".{platform}")
        app = self._c.picture.apps.mirror.get(id_)
        platforms = name == platform or name.endswith(f".{platform}")
        if user.is_superuser or (app is not None and may_see(user, app)):
            return
        if domain is not None:
            raise Forbidden(f"The domain {name} is already in use by another app")
        if platforms:
            raise Forbidden(f"Names below {platform} are the platform's own, but for those of your apps.")

    async def remove(self, call: Call) -> web.Response:
        """Take one of them away, with its key."""
        own = self._own(call).document
        while True:
            stored = await self._certs.get(own.common_name)
            if stored is None or stored.document.owner != own.owner:
                raise NotFound
            try:
                await self._certs.delete(own.common_name, expect=stored.revision)
            except StaleRevision:
                continue  # it was sealed anew
            break
        mirror = self._c.picture.certs.mirror
        await self._c.picture.certs.until(
            lambda: True if mirror.get(own.common_name) is None else None, limit=CATCHES_UP
        )
        log.info("a certificate was removed", common_name=own.common_name, by=call.user.username)
        return web.Response(status=204)

    def _own(self, call: Call) -> Stored[Cert]:
        """The user's own certificate that a path names; raises `NotFound`."""
        stored = self._c.picture.certs.mirror.stored(fqdn(call.parameter("common_name")))
        if stored is None or stored.document.owner != call.user.username:
            raise NotFound
        return stored
