"""An API with people who have something: an owner's app, shared with a collaborator, a stranger, and an admin."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from libs.daemon import supervise
from libs.keyspace.document import now
from libs.keyspace.records import Cert, Drain, LogEnd, SshKey, Token, User
from libs.keyspace.records.logs import PLATFORM
from libs.store.drivers.memory import MemoryStore
from libs.store.mirror import Mirror
from libs.store.shelf import Shelf
from tests.support.api import Api, Client, running_api
from tests.support.certificates import make_certificate
from tests.support.waiting import eventually

PASSWORD = "opensesame"
PEOPLE = ("admin", "owner", "collaborator", "stranger")
BLOB = "AAAAB3NzaC1yc2EAAAADAQABAAAAgQ=="  # a key's, as far as anybody looks at one here
SHA256 = "a" * 64
MD5 = ":".join(["aa"] * 16)


def hash_of(token: str) -> str:
    """The form in which a token is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


@cache
def hashed(password: str) -> str:
    """A password's hash that costs nothing: these tests are not of passwords."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)


@cache
def _certificate(name: str) -> tuple[str, str]:
    made = make_certificate(name, [name])
    return made.pem, made.key


@dataclass(frozen=True)
class Cast:
    """The people of a running API, and what their things are called."""

    api: Api
    people: Mapping[str, Client]
    app: str  # its uuid, and the id of its drain
    build: str  # its uuid
    token: str  # the id of a named token of the owner's
    builder: str  # the builder's key

    def client(self, person: str) -> Client:
        """Somebody; `anonymous` has no token."""
        return self.people[person] if person != "anonymous" else self.api.client

    def names(self, path: str) -> dict[str, str]:
        """What is there, by the names that paths have for it in their braces."""
        names = {
            "id": "hello",
            "uuid": self.build,
            "version": "v3",
            "type": "web",
            "num": "1",
            "domain": "hello.example.org",
            "username": "collaborator",
            "common_name": "secure.example.org",
            "drain": PLATFORM if path.startswith("/v1/admin/") else self.app,
        }
        if path.startswith("/v1/keys/"):
            names["id"] = "owner@home"
        if path.startswith("/v1/auth/tokens/"):
            names["id"] = self.token
        return names

    async def everything(self) -> dict[str, bytes]:
        """All that the store holds, but when a token was last used: asking is no change."""
        keyspace = self.api.controller.keyspace
        found = {entry.key: entry.value for entry in (await self.api.store.list("/deis/")).entries}
        for stored in await Shelf(self.api.store, keyspace.tokens).list():
            found[keyspace.tokens.key(*stored.parts)] = stored.document.changed(used=None).encode()
        return found

    async def settled(self) -> None:
        """Return once the controller's mirrors hold all that was written."""
        for awaited in self.api.controller.picture._all().values():
            mirror: Mirror[Any] = awaited.mirror

            async def holds_all(mirror: Mirror[Any] = mirror) -> bool:
                listing = await self.api.store.list(mirror._prefix)
                found = {parts: mirror.stored(*parts) for parts, _ in mirror.items()}
                held = {mirror._collection.key(*parts): one.revision for parts, one in found.items() if one}
                return held == {entry.key: entry.revision for entry in listing.entries}

            await eventually(holds_all)


async def enlist(api: Api, username: str, *, superuser: bool = False, **fields: Any) -> Client:
    """A user with a token, written as the controller writes them."""
    keyspace = api.controller.keyspace
    joined = now() - timedelta(minutes=1)
    user = User(username=username, password=hashed(PASSWORD), is_superuser=superuser, date_joined=joined, **fields)
    await Shelf(api.store, keyspace.users).create(user, username)
    token = secrets.token_hex(20)
    record = Token(username=username, id=secrets.token_hex(8), created=now())
    await Shelf(api.store, keyspace.tokens).create(record, hash_of(token))
    return api.client.with_token(token)


async def set_stage(api: Api) -> Cast:
    """Bring the people and their things onto an empty platform."""
    store, keyspace = api.store, api.controller.keyspace
    people = {name: await enlist(api, name, superuser=name == "admin") for name in PEOPLE}
    owner = people["owner"]
    assert (await owner("POST", "/v1/apps", {"id": "hello"})).status == 201
    secret = {"values": {"SECRET": "s3cr3t"}, "tags": {"rack": "a"}, "memory": {"web": "64M"}, "cpu": {"web": 10}}
    assert (await owner("POST", "/v1/apps/hello/config", secret)).status == 201
    api.engine.add_image("acme/hello:1")
    image = {"image": "acme/hello:1", "procfile": {"web": "serve", "worker": "work"}}
    build = await owner("POST", "/v1/apps/hello/builds", image)
    assert build.status == 201, build
    assert (await owner("POST", "/v1/apps/hello/scale", {"web": 1})).status == 204
    assert (await owner("POST", "/v1/apps/hello/config", {"values": {"COLOUR": "blue"}})).status == 201
    assert (await owner("POST", "/v1/apps/hello/domains", {"domain": "hello.example.org"})).status == 201
    await Shelf(store, keyspace.apps).update(lambda app: app.changed(collaborators=("collaborator",)), "hello")
    ssh = {"id": "owner@home", "owner": "owner", "public": f"ssh-rsa {BLOB} owner@home", "fingerprint": MD5}
    await Shelf(store, keyspace.keys).create(SshKey(uuid=build.json["uuid"], created=now(), **ssh), SHA256)
    pem, key = _certificate("secure.example.org")
    vault = api.controller.vault
    sealed = vault.seal_text("cert:secure.example.org", key)
    cert = Cert(
        common_name="secure.example.org",
        owner="owner",
        certificate=pem,
        key=sealed,
        names=("secure.example.org",),
        fingerprint=":".join(["AA"] * 32),
        expires=now() + timedelta(days=90),
        created=now(),
    )
    await Shelf(store, keyspace.certs).create(cert, cert.common_name)
    (app,) = [app for _, app in api.controller.picture.apps.mirror.items()]
    for scope, name in ((app.uuid, app.id), (PLATFORM, "")):
        to = {"url": "https://logs.example.org/", "token": "d.1", "secret": vault.seal_text(f"drain:{scope}", "{}")}
        drain = Drain(id=scope, app=name, owner="owner", created=now(), **to)
        await Shelf(store, keyspace.drains).create(drain, scope, scope)
    named = Token(username="owner", id="ci0", name="ci", created=now())
    await Shelf(store, keyspace.tokens).create(named, hash_of("0" * 40))
    cast = Cast(api, people, app.uuid, build.json["uuid"], named.id, await api.controller.builder_key.value())
    await cast.settled()
    return cast


@asynccontextmanager
async def on_stage(home: Path, **settings: Any) -> AsyncIterator[Cast]:
    """An API over a store in memory with all of them, while the body runs."""
    async with running_api(MemoryStore(), home, **settings) as api, supervise(end_runs=end_runs(api)):
        yield await set_stage(api)


async def end_runs(api: Api) -> None:
    """Let each one-off run say something and end well, and its output be read, for ever."""
    ends = Shelf(api.store, api.controller.keyspace.log_ends)
    async with api.engine.events() as events:
        async for _ in events:
            for run in (await api.engine.instances()).instances:
                if run.once and run.state == "running":
                    api.engine.say(run.name, b"done\n")
                    api.engine.kill(run.name, code=0)
                    await ends.put(LogEnd(at=now()), "n1", run.identity.app, run.identity.id)
