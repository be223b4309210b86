"""Tickets: read by the records as they are now, and used up once."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from datetime import UTC, datetime, timedelta

import pytest

from libs.keyspace import Keyspace
from libs.keyspace.records import App, Ticket, Token, User
from libs.store import Shelf, StoreUnavailable
from libs.store.drivers.memory import MemoryStore
from services.logger.tickets import NoTicket, Tickets

KEYS = Keyspace()
THEN = datetime(2026, 1, 1, tzinfo=UTC)
LATER = THEN + timedelta(hours=1)


def key_of(text: str) -> str:
    return KEYS.tickets.key(hashlib.sha256(text.encode()).hexdigest())


@pytest.fixture
async def store() -> MemoryStore:
    store = MemoryStore()
    app = App(id="shop", uuid="u1", owner="ann", created=THEN, updated=THEN)
    await Shelf(store, KEYS.apps).put(app, "shop")
    await Shelf(store, KEYS.users).put(User(username="ann", password="!", date_joined=THEN), "ann")
    return store


async def issued(store: MemoryStore, **fields: str) -> str:
    text = secrets.token_urlsafe(32)
    ticket = Ticket(kind="logs", app="shop", app_uuid="u1", username="ann", created=LATER).changed(**fields)
    await store.put(key_of(text), ticket.encode())
    return text


async def test_a_ticket_gives_its_right_and_the_revisions_that_it_stands_on(store: MemoryStore) -> None:
    text = await issued(store)
    shown = await Tickets(store, KEYS).look(text)
    app, user = await store.get(KEYS.apps.key("shop")), await store.get(KEYS.users.key("ann"))
    assert app is not None
    assert user is not None
    assert (shown.right.ticket.username, shown.right.app, shown.right.user) == ("ann", app.revision, user.revision)


async def test_of_many_who_use_one_ticket_one_succeeds(store: MemoryStore) -> None:
    text = await issued(store)
    desks = [Tickets(store.fork(), KEYS) for _ in range(10)]
    shown = [await desk.look(text) for desk in desks]
    outcomes: list[bool] = []

    async def use(n: int) -> None:
        try:
            await desks[n].use(shown[n])
        except NoTicket:
            outcomes.append(False)
        else:
            outcomes.append(True)

    async with asyncio.TaskGroup() as group:
        for n in range(10):
            group.create_task(use(n))
    assert sorted(outcomes) == [False] * 9 + [True]
    with pytest.raises(NoTicket):
        await desks[0].look(text)


@pytest.mark.parametrize("text", ["", "x", "A" * 42, "A" * 44, "ä" * 43, "A" * 42 + "/", "A" * 42 + "\n"])
async def test_what_has_not_the_form_of_one_is_not_asked_for(store: MemoryStore, text: str) -> None:
    store.unavailable = True
    with pytest.raises(NoTicket):
        await Tickets(store, KEYS).look(text)


async def test_a_value_that_is_no_record_is_no_ticket(store: MemoryStore) -> None:
    text = secrets.token_urlsafe(32)
    await store.put(key_of(text), b'{"kind": "terminal"}')
    with pytest.raises(NoTicket):
        await Tickets(store, KEYS).look(text)


@pytest.mark.parametrize(
    "fields", [{"app": "blog"}, {"app_uuid": "u0"}, {"username": "eve"}, {"username": "nobody"}], ids=str
)
async def test_a_right_that_has_ended_meanwhile_is_none(store: MemoryStore, fields: dict[str, str]) -> None:
    await Shelf(store, KEYS.users).put(User(username="eve", password="!", date_joined=THEN), "eve")
    text = await issued(store, **fields)
    with pytest.raises(NoTicket):
        await Tickets(store, KEYS).look(text)


async def test_a_ticket_is_no_better_than_the_token_by_which_it_was_asked_for(store: MemoryStore) -> None:
    revision = await Shelf(store, KEYS.tokens).put(Token(username="ann", created=THEN), "5a17")
    text = await issued(store, token="5a17")
    assert (await Tickets(store, KEYS).look(text)).right.token == revision
    await Shelf(store, KEYS.tokens).delete("5a17")
    with pytest.raises(NoTicket):
        await Tickets(store, KEYS).look(text)


async def test_a_store_that_is_away_is_no_verdict_on_a_ticket(store: MemoryStore) -> None:
    text = await issued(store)
    store.unavailable = True
    with pytest.raises(StoreUnavailable):
        await Tickets(store, KEYS).look(text)
