"""`/v1/keys`: the public SSH keys with which a user pushes. Everybody sees and removes their own only."""

from __future__ import annotations

import uuid

from aiohttp import web

from libs.keyspace.document import now
from libs.keyspace.records import SshKey
from libs.store import StaleRevision
from libs.store.shelf import Shelf, Stored
from libs.web import as_json
from services.controller import audit, shapes
from services.controller.controller import Call, Controller, Resource, Route
from services.controller.errors import BadFields, NotFound
from services.controller.fields import UNIQUE, Body, Fields
from services.controller.pages import paginated
from services.controller.picture import CATCHES_UP
from services.controller.ssh_keys import LONGEST, BadSshKey, PublicKey, read_public_key

LONGEST_ID = 128
ONE = "/v1/keys/{id:.*[^/]}"  # an id may hold a slash; the path's final one is none of it


def read_key(body: Body) -> tuple[str, PublicKey]:
    """The id and the key that a request brings; raises `BadFields`."""
    fields = Fields(body)
    id_ = fields.text("id", longest=LONGEST_ID)
    if not id_.isprintable() and "id" not in fields.wrong:
        fields.wrongly("id", "Key ids can only contain printable characters.")
    text = fields.text("public", longest=LONGEST)
    key = None
    try:
        key = read_public_key(text) if "public" not in fields.wrong else None
    except BadSshKey as bad:
        fields.wrongly("public", str(bad))
    fields.check()
    assert key is not None
    return id_, key


class KeysResource(Resource):
    """A user's public keys. A key's record is under its own hash, so it is one user's."""

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._keys = Shelf(controller.store, controller.keyspace.keys)

    def routes(self) -> list[Route]:
        """Its routes."""
        return [
            Route("GET", "/v1/keys", self.list),
            Route("POST", "/v1/keys", self.add),
            Route("GET", ONE, self.show),
            Route("DELETE", ONE, self.remove),
        ]

    async def list(self, call: Call) -> web.Response:
        """One's own keys, oldest first."""
        own = [key for _, key in self._c.picture.keys.mirror.items() if key.owner == call.user.username]
        own.sort(key=lambda key: (key.created, key.id))
        return as_json(paginated(call.request.url, own, shapes.of_key))

    async def show(self, call: Call) -> web.Response:
        """One of them."""
        return as_json(shapes.of_key(self._own(call).document))

    async def add(self, call: Call) -> web.Response:
        """One more key."""
        id_, key = read_key(await call.body())
        record = SshKey(
            uuid=str(uuid.uuid4()),
            id=id_,
            owner=call.user.username,
            public=key.text,
            fingerprint=key.fingerprint,
            created=now(),
        )
        try:
            revision = await self._keys.create(record, key.sha256)
        except StaleRevision as error:
            present = await self._keys.get(key.sha256)
            if present is None or present.document.uuid != record.uuid:
                raise BadFields(public=UNIQUE) from error
            revision = present.revision  # our own put, answered twice
        await self._c.accounts.undo_if_gone(call.user, lambda: self._keys.delete(key.sha256, expect=revision))
        await self._refuse_second(record, key.sha256, revision)
        await self._c.picture.keys.reach(revision)
        audit.note("key added", by=record.owner, id=record.id, fingerprint=record.fingerprint)
        return as_json(shapes.of_key(record), status=201)

    async def _refuse_second(self, record: SshKey, sha256: str, revision: int) -> None:
        """Take the record back if its owner has another one of that id, written before: of two at once one stays."""
        for other in await self._keys.list():
            same = (other.document.owner, other.document.id) == (record.owner, record.id)
            if same and other.revision < revision:
                await self._keys.delete(sha256, expect=revision)
                raise BadFields(id=UNIQUE)

    async def remove(self, call: Call) -> web.Response:
        """Take one of them away."""
        stored = self._own(call)
        try:
            await self._keys.delete(*stored.parts, expect=stored.revision)
        except StaleRevision as error:
            raise NotFound from error
        mirror = self._c.picture.keys.mirror
        await self._c.picture.keys.until(
            lambda: True if mirror.stored(*stored.parts) is not stored else None, limit=CATCHES_UP
        )
        key = stored.document
        audit.note("key removed", by=key.owner, id=key.id, fingerprint=key.fingerprint)
        return web.Response(status=204)

    def _own(self, call: Call) -> Stored[SshKey]:
        """The user's own key that a path names; raises `NotFound`."""
        mirror = self._c.picture.keys.mirror
        for parts, key in mirror.items():
            if (key.owner, key.id) == (call.user.username, call.parameter("id")):
                stored = mirror.stored(*parts)
                if stored is not None:
                    return stored
        raise NotFound
