"""Which tails must end; what nobody knows for sure ends none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from libs.daemon.supervision import supervise
from libs.keyspace import Collection, Keyspace
from libs.keyspace.records import App, MeshMember, Ticket, Token, User
from libs.loglines.sharing import logger_of
from libs.store.drivers.memory import MemoryStore
from libs.store.mirror import Mirror
from libs.store.shelf import Shelf
from services.logger.tail_ends import Right, Verdicts
from tests.support.waiting import eventually

KEYS = Keyspace()
THEN = datetime(2026, 1, 1, tzinfo=UTC)


class Scene:
    """A store with an app of ann's, bob its collaborator, root a superuser, a token of each, and the logger n1."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.apps, self.users = Shelf(self.store, KEYS.apps), Shelf(self.store, KEYS.users)
        self.tokens = Shelf(self.store, KEYS.tokens)
        self.mesh = Shelf(self.store, KEYS.mesh)
        self.mirrors = (
            Mirror(self.store, KEYS.apps),
            Mirror(self.store, KEYS.users),
            Mirror(self.store, KEYS.tokens),
            Mirror(self.store, KEYS.mesh, "logger"),
        )
        apps, users, tokens, loggers = self.mirrors
        self.verdicts = Verdicts("n1", apps=apps, users=users, tokens=tokens, loggers=loggers)

    async def settle(self) -> None:
        await self.apps.put(
            App(id="shop", uuid="u1", owner="ann", collaborators=("bob",), created=THEN, updated=THEN), "shop"
        )
        for name in ("ann", "bob", "root"):
            await self.join(name, THEN)
            await self.tokens.put(Token(username=name, created=THEN), f"token-{name}")
        await self.announce("n1")

    async def join(self, name: str, joined: datetime, **fields: bool) -> None:
        flags = {"is_superuser": name == "root", **fields}
        await self.users.put(User(username=name, password="!", date_joined=joined, **flags), name)

    async def announce(self, id_: str) -> MeshMember:
        member = MeshMember(service="logger", id=id_, node=id_, url="http://x", started=THEN)
        await self.mesh.put(member, "logger", id_)
        return member

    async def seen(self) -> None:
        """Wait until the mirrors are as the store is."""

        async def same() -> bool:
            collections: tuple[Collection[Any], ...] = (KEYS.apps, KEYS.users, KEYS.tokens, KEYS.mesh)
            mirrors: tuple[Mirror[Any], ...] = self.mirrors
            for mirror, collection in zip(mirrors, collections, strict=True):
                listing = await self.store.list(collection.path + "/")
                if {entry.key: entry.revision for entry in listing.entries} != {
                    collection.key(*parts): stored.revision
                    for parts, _ in mirror.items()
                    if (stored := mirror.stored(*parts))
                }:
                    return False
            return all(mirror.complete and mirror.current for mirror in self.mirrors)

        await eventually(same, what="mirrors as the store is")

    by_none = ""  # whose tickets hang on no token

    def reason(self, username: str, **fields: int) -> str | None:
        ticket = Ticket(
            kind="logs",
            app="shop",
            app_uuid="u1",
            username=username,
            admin=username == "root",
            token="" if username == self.by_none else f"token-{username}",
            created=THEN + timedelta(hours=1),
        )
        end = self.verdicts.on(Right(ticket, **fields))
        return end.reason if end else None

    def all(self) -> dict[str, str | None]:
        return {name: self.reason(name) for name in ("ann", "bob", "root")}


NONE: dict[str, str | None] = {"ann": None, "bob": None, "root": None}


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with watched() as made:
        yield made


@asynccontextmanager
async def watched() -> AsyncIterator[Scene]:
    scene = Scene()
    await scene.settle()
    apps, users, tokens, loggers = scene.mirrors
    async with supervise(apps=apps.run(), users=users.run(), tokens=tokens.run(), loggers=loggers.run()):
        await scene.seen()
        yield scene


async def test_nothing_is_known_before_the_mirrors_are_complete() -> None:
    assert Scene().all() == NONE


async def test_all_is_well(scene: Scene) -> None:
    assert scene.all() == NONE


async def test_a_destroyed_app_is_gone_for_everyone_and_so_is_one_made_again(scene: Scene) -> None:
    await scene.apps.delete("shop")
    await scene.seen()
    assert set(scene.all().values()) == {"gone"}
    await scene.apps.put(App(id="shop", uuid="u2", owner="ann", created=THEN, updated=THEN), "shop")
    await scene.seen()
    assert set(scene.all().values()) == {"gone"}


async def test_a_mirror_behind_the_records_that_let_the_reader_in_is_no_verdict(scene: Scene) -> None:
    await scene.apps.delete("shop")
    await scene.users.delete("root")
    await scene.seen()
    ahead = scene.mirrors[0].revision + 100
    assert scene.reason("ann", app=ahead) is None
    await scene.apps.put(App(id="shop", uuid="u1", owner="ann", created=THEN, updated=THEN), "shop")
    await scene.seen()
    assert scene.reason("root") == "forbidden"
    assert scene.reason("root", user=ahead + 100) is None


async def test_while_the_store_is_away_nobody_has_to_go(scene: Scene) -> None:
    await scene.users.delete("ann")
    await scene.seen()
    assert scene.reason("ann") == "forbidden"
    scene.store.unavailable = True
    await eventually(lambda: not any(mirror.current for mirror in scene.mirrors))
    assert scene.all() == NONE
    scene.store.unavailable = False
    await eventually(lambda: scene.reason("ann") == "forbidden")


async def test_who_is_neither_owner_nor_collaborator_any_more_may_not_read(scene: Scene) -> None:
    await scene.apps.update(lambda app: app.changed(collaborators=("ann",), owner="carl"), "shop")
    await scene.seen()
    assert scene.all() == {"ann": None, "bob": "forbidden", "root": None}


async def test_an_account_that_is_gone_inactive_or_another_one_of_its_name_may_not_read(scene: Scene) -> None:
    await scene.users.delete("ann")
    await scene.join("bob", THEN, is_active=False)
    await scene.join("root", THEN + timedelta(hours=2))
    await scene.seen()
    assert set(scene.all().values()) == {"forbidden"}


async def test_one_who_is_no_superuser_any_more_reads_on_only_as_a_collaborator(scene: Scene) -> None:
    await scene.join("root", THEN, is_superuser=False)
    await scene.seen()
    assert scene.reason("root") == "forbidden"
    await scene.apps.update(lambda app: app.changed(collaborators=("root",)), "shop")
    await scene.seen()
    assert scene.reason("root") is None


async def test_a_token_that_was_revoked_takes_the_tails_with_it_that_were_asked_for_by_it(scene: Scene) -> None:
    await scene.tokens.delete("token-ann")
    await scene.seen()
    assert scene.all() == {"ann": "revoked", "bob": None, "root": None}
    assert scene.reason("ann", token=scene.mirrors[2].revision + 100) is None
    scene.by_none = "ann"
    assert scene.all() == NONE


async def test_a_token_whose_use_is_written_is_still_the_same(scene: Scene) -> None:
    await scene.tokens.update(lambda token: token.changed(used=THEN), "token-ann")
    await scene.seen()
    assert scene.all() == NONE


async def test_a_tail_moves_to_the_logger_that_keeps_its_app(scene: Scene) -> None:
    own = scene.mirrors[3].get("logger", "n1")
    assert own is not None
    for n in range(100):
        other = MeshMember(service="logger", id=f"other{n}", node="n", url="http://x", started=THEN)
        if logger_of("u1", [own, other]) == other:
            break
    await scene.mesh.put(other, "logger", other.id)
    await scene.seen()
    assert set(scene.all().values()) == {"moved"}
    await scene.mesh.delete("logger", "n1")
    await scene.seen()
    assert scene.all() == NONE, "a logger whose own record is away waits for it to come back"
    await scene.mesh.delete("logger", other.id)
    await scene.seen()
    assert scene.all() == NONE
